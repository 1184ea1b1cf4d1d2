import CMessages
import Encodings

/// `google.protobuf.FieldMask`: names of fields, comma-separated lowerCamel paths in JSON.
package struct FieldMask: OpaqueJSONMessage, JSONArrayElement {
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

  package func write(to writer: inout JSONWriter) {
    writer.string(paths.map(Self.lowerCamel).joined(separator: ","))
  }

  package init(json value: JSONValue, field: String) throws(MessageError) {
    guard case .string(let text) = value, !text.utf8.contains(UInt8(ascii: "_")) else {
      throw .invalidField(field, reason: "must be comma-separated lowerCamelCase paths")
    }
    self.init(paths: text.split(separator: ",").map(Self.snake))
  }

  /// `create_time` to `createTime`, as protoc makes JSON names; dots and commas stay.
  package static func lowerCamel(_ path: String) -> String {
    var result: [UInt8] = []
    var isAfterUnderscore = false
    for byte in path.utf8 {
      if byte == UInt8(ascii: "_") {
        isAfterUnderscore = true
      } else {
        result.append(isAfterUnderscore && byte.isASCIILower ? byte - 0x20 : byte)
        isAfterUnderscore = false
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  private static func snake(_ path: Substring) -> String {
    let bytes = path.utf8.flatMap { byte in
      byte.isASCIIUpper ? [UInt8(ascii: "_"), byte + 0x20] : [byte]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
