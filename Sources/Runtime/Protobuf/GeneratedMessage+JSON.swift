extension GeneratedMessage {
  package static var jsonDefault: Self { Self() }

  package init(json bytes: [UInt8]) throws(MessageError) {
    try self.init(json: JSONParser.parse(bytes), field: "")
  }

  package init(json value: JSONValue, field: String) throws(MessageError) {
    self.init()
    guard case .object(let members) = value else {
      throw field.isEmpty
        ? .malformedJSON(reason: "must be an object", byteOffset: 0)
        : .invalidField(field, reason: "must be an object")
    }
    try Self.refuseFieldsUnderTwoNames(members, in: field)
    for member in members {
      let name = field.isEmpty ? member.name : "\(field).\(member.name)"
      let isSet: Bool
      do throws(MessageError) {
        isSet = try setField(named: member.name, to: member.value)
      } catch {
        throw error.inside(field)
      }
      guard isSet else { throw .unknownField(name) }
    }
  }

  /// A field goes by its JSON or its proto name; both at once could mean two values.
  private static func refuseFieldsUnderTwoNames(
    _ members: [JSONValue.Member], in field: String
  ) throws(MessageError) {
    guard members.contains(where: { $0.name.utf8.contains(UInt8(ascii: "_")) }) else { return }
    var seen: Set<String> = []
    for member in members where !seen.insert(FieldMask.lowerCamel(member.name)).inserted {
      throw MessageError.invalidField(member.name, reason: "is there under two names")
        .inside(field)
    }
  }

  package func json() -> [UInt8] {
    var writer = JSONWriter()
    write(to: &writer)
    return writer.bytes
  }

  package func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writeFields(to: &writer)
    writer.endObject()
  }

  package mutating func setField(_ path: String, text: String) throws(MessageError) {
    let value: JSONValue
    switch text {
    case "true": value = .bool(true)
    case "false": value = .bool(false)
    default: value = .string(text)
    }
    let isSet: Bool
    do throws(MessageError) {
      isSet = try setField(named: path, to: value)
    } catch {
      guard case .invalidField = error, value != .string(text) else { throw error }
      // A text field may hold the word `true`.
      isSet = try setField(named: path, to: .string(text))
    }
    guard isSet else { throw .unknownField(path) }
  }
}

extension MessageError {
  /// The same error with `parent` in front of the field's name.
  func inside(_ parent: String) -> MessageError {
    guard !parent.isEmpty else { return self }
    switch self {
    case .invalidField(let field, let reason):
      return .invalidField("\(parent).\(field)", reason: reason)
    case .unknownField(let field): return .unknownField("\(parent).\(field)")
    default: return self
    }
  }
}

/// An open enum of protobuf: numbers that this code does not know survive.
package protocol GeneratedEnum: Sendable, Hashable, JSONConvertible, JSONArrayElement {
  init(rawValue: Int32)
  var rawValue: Int32 { get }
  /// The value's name in the `.proto` file; nil when this code does not know it.
  var protoName: String? { get }
  init?(protoName: String)
}

extension GeneratedEnum {
  package static var jsonDefault: Self { Self(rawValue: 0) }

  package init(json value: JSONValue, field: String) throws(MessageError) {
    switch value {
    case .string(let name):
      guard let known = Self(protoName: name) else {
        throw .invalidField(field, reason: "is not one of the known names")
      }
      self = known
    case .number: self = Self(rawValue: try Int32(json: value, field: field))
    default: throw .invalidField(field, reason: "must be a name")
    }
  }

  package func write(to writer: inout JSONWriter) {
    if let protoName { writer.string(protoName) } else { writer.raw(String(rawValue)) }
  }
}
