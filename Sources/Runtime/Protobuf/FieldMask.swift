import CMessages

/// `google.protobuf.FieldMask`: names of fields, comma-separated lowerCamel paths in JSON.
package struct FieldMask: GeneratedMessage, JSONArrayElement {
  package var paths: [String]

  package init(paths: [String] = []) { self.paths = paths }
  package init() { self.init(paths: []) }

  package static let messageName = "google.protobuf.FieldMask"
  package static let isRecursive = false
  package nonisolated(unsafe) static let descriptor = CField.descriptor(
    google__protobuf__field_mask__init)

  package init(copying struct: UnsafeRawPointer) throws(MessageError) {
    let c = `struct`.assumingMemoryBound(to: Google__Protobuf__FieldMask.self)
    self.init(paths: try CField.strings(c.pointee.paths, c.pointee.n_paths, "paths"))
  }

  package func fill(_ struct: UnsafeMutableRawPointer, in arena: Arena) {
    let c = `struct`.assumingMemoryBound(to: Google__Protobuf__FieldMask.self)
    c.pointee.n_paths = paths.count
    c.pointee.paths = CField.array(paths, in: arena) { CField.data($0, in: arena) }
  }

  package func writeFields(to writer: inout JSONWriter) {}

  package mutating func setField(
    named name: String, to value: JSONValue
  ) throws(MessageError) -> Bool { false }

  package func write(to writer: inout JSONWriter) {
    writer.string(paths.map(Self.lowerCamel).joined(separator: ","))
  }

  package init(json value: JSONValue, field: String) throws(MessageError) {
    guard case .string(let text) = value, !text.contains("_") else {
      throw .invalidField(field, reason: "must be comma-separated lowerCamelCase paths")
    }
    self.init(paths: text.split(separator: ",").map { Self.snake(String($0)) })
  }

  /// `create_time` to `createTime`, as protoc makes JSON names.
  static func lowerCamel(_ path: String) -> String {
    var result = ""
    var raises = false
    for character in path {
      if character == "_" {
        raises = true
      } else {
        result += raises ? character.uppercased() : String(character)
        raises = false
      }
    }
    return result
  }

  private static func snake(_ path: String) -> String {
    path.map { $0.isUppercase ? "_" + $0.lowercased() : String($0) }.joined()
  }
}
