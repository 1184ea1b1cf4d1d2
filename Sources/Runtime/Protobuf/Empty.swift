import CMessages

/// `google.protobuf.Empty`: no fields.
package struct Empty: GeneratedMessage, JSONArrayElement {
  package init() {}

  package static let messageName = "google.protobuf.Empty"
  package static let isRecursive = false
  package nonisolated(unsafe) static let descriptor = CField.descriptor(
    google__protobuf__empty__init)

  package init(copying struct: UnsafeRawPointer) throws(MessageError) {}
  package func fill(_ struct: UnsafeMutableRawPointer, in arena: Arena) {}
  package func writeFields(to writer: inout JSONWriter) {}
  package mutating func setField(
    named name: String, to value: JSONValue
  ) throws(MessageError) -> Bool { false }
}
