import CMessages

/// `google.protobuf.Any`: a packed message with the name of its type.
package struct AnyMessage: GeneratedMessage, JSONArrayElement {
  /// E.g. `type.googleapis.com/google.rpc.RetryInfo`.
  package var typeURL: String
  package var value: [UInt8]

  package init(typeURL: String = "", value: [UInt8] = []) {
    self.typeURL = typeURL
    self.value = value
  }

  package init() { self.init(typeURL: "") }

  /// Packs `message` under its type's name.
  package init<M: Message>(packing message: M) {
    self.init(typeURL: "type.googleapis.com/" + M.messageName, value: message.packed())
  }

  /// The message, when this is one of that type; nil for another type.
  package func unpacked<M: Message>(as type: M.Type = M.self) throws(MessageError) -> M? {
    guard typeURL.split(separator: "/").last.map(String.init) == M.messageName else { return nil }
    return try M(unpacking: value)
  }

  package static let messageName = "google.protobuf.Any"
  package static let isRecursive = false
  package nonisolated(unsafe) static let descriptor = CField.descriptor(
    google__protobuf__any__init)

  package init(copying struct: UnsafeRawPointer) throws(MessageError) {
    let c = `struct`.assumingMemoryBound(to: Google__Protobuf__Any.self).pointee
    self.init(typeURL: try CField.string(c.type_url, "typeUrl"), value: CField.bytes(c.value))
  }

  package func fill(_ struct: UnsafeMutableRawPointer, in arena: Arena) {
    let c = `struct`.assumingMemoryBound(to: Google__Protobuf__Any.self)
    c.pointee.type_url = CField.data(typeURL, in: arena)
    c.pointee.value = CField.data(value, in: arena)
  }

  package func writeFields(to writer: inout JSONWriter) {
    writer.field("typeUrl", typeURL)
    writer.field("value", value)
  }

  package mutating func setField(
    named name: String, to value: JSONValue
  ) throws(MessageError) -> Bool {
    switch name {
    case "typeUrl", "type_url": typeURL = try .reading(value, "typeUrl")
    case "value": self.value = try .reading(value, "value")
    default: return false
    }
    return true
  }
}

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
