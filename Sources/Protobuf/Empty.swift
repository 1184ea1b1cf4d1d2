internal import CMessages

/// `google.protobuf.Empty`: no fields.
package struct Empty: GeneratedMessage, JSONArrayElement {
  package init() {}

  package static let messageName = "google.protobuf.Empty"
  package static let isRecursive = false
  package static var descriptor: UnsafeRawPointer {
    withUnsafePointer(to: google__protobuf__empty__descriptor) { UnsafeRawPointer($0) }
  }

  package init(copying struct: UnsafeRawPointer) throws(MessageError) {}
  package func fill(_ struct: UnsafeMutableRawPointer, in arena: Arena) {}
  package func writeFields(to writer: inout JSONWriter) {}
  package mutating func setField(
    named name: String, to value: JSONValue
  ) throws(MessageError) -> Bool { false }
}
