import Encodings

/// A field's value in proto3 JSON.
package protocol JSONConvertible {
  /// What a field holds when its JSON is `null`.
  static var jsonDefault: Self { get }
  /// Reads a value; `field` is the dotted path for the error.
  init(json value: JSONValue, field: String) throws(MessageError)
  func write(to writer: inout JSONWriter)
  /// False for an absent optional, which is not written.
  var isPresent: Bool { get }
}

extension JSONConvertible {
  package var isPresent: Bool { true }

  /// As `init(json:field:)`, with `null` meaning the default.
  package static func reading(_ value: JSONValue, _ field: String) throws(MessageError) -> Self {
    if case .null = value, Self.self != StructValue.self { return jsonDefault }
    return try Self(json: value, field: field)
  }
}

extension String: JSONConvertible {
  package static var jsonDefault: String { "" }

  package init(json value: JSONValue, field: String) throws(MessageError) {
    guard case .string(let text) = value else {
      throw .invalidField(field, reason: "must be a string")
    }
    self = text
  }

  package func write(to writer: inout JSONWriter) { writer.string(self) }
}

extension Bool: JSONConvertible {
  package static var jsonDefault: Bool { false }

  package init(json value: JSONValue, field: String) throws(MessageError) {
    guard case .bool(let flag) = value else {
      throw .invalidField(field, reason: "must be true or false")
    }
    self = flag
  }

  package func write(to writer: inout JSONWriter) { writer.bool(self) }
}

/// The integers of protobuf; 64-bit ones are written as strings (proto3 JSON mapping).
package protocol JSONInteger: JSONConvertible, FixedWidthInteger {}

extension JSONInteger {
  package static var jsonDefault: Self { 0 }

  package init(json value: JSONValue, field: String) throws(MessageError) {
    switch value {
    case .number(let text), .string(let text):
      guard let integer: Self = JSONNumber(text)?.integer() else {
        throw .invalidField(
          field, reason: "must be an integer from \(Self.min) to \(Self.max)")
      }
      self = integer
    default: throw .invalidField(field, reason: "must be an integer")
    }
  }

  package func write(to writer: inout JSONWriter) {
    if Self.bitWidth == 64 { writer.string(String(self)) } else { writer.raw(String(self)) }
  }
}

extension Int32: JSONInteger {}
extension Int64: JSONInteger {}
extension UInt32: JSONInteger {}
extension UInt64: JSONInteger {}

/// The floating-point types of protobuf.
package protocol JSONFloatingPoint: JSONConvertible, BinaryFloatingPoint, LosslessStringConvertible
{}

extension JSONFloatingPoint {
  package static var jsonDefault: Self { 0 }

  package init(json value: JSONValue, field: String) throws(MessageError) {
    switch value {
    case .string("NaN"): self = .nan
    case .string("Infinity"): self = .infinity
    case .string("-Infinity"): self = -.infinity
    case .number(let text), .string(let text):
      guard JSONNumber(text) != nil, let number = Self(text), number.isFinite else {
        throw .invalidField(field, reason: "must be a number in range")
      }
      self = number
    default: throw .invalidField(field, reason: "must be a number")
    }
  }

  package func write(to writer: inout JSONWriter) {
    if isFinite { return writer.raw(description) }
    writer.string(isNaN ? "NaN" : self < 0 ? "-Infinity" : "Infinity")
  }
}

extension Float: JSONFloatingPoint {}
extension Double: JSONFloatingPoint {}

extension Optional: JSONConvertible where Wrapped: JSONConvertible {
  package static var jsonDefault: Wrapped? { nil }
  package var isPresent: Bool { self != nil }

  package init(json value: JSONValue, field: String) throws(MessageError) {
    self = try Wrapped(json: value, field: field)
  }

  package func write(to writer: inout JSONWriter) { self?.write(to: &writer) }
}

/// `bytes` are base64; repeated fields are arrays. `UInt8` is no element type of protobuf, so the
/// two can't be confused.
extension Array: JSONConvertible where Element: JSONArrayElement {
  package static var jsonDefault: [Element] { [] }

  package init(json value: JSONValue, field: String) throws(MessageError) {
    self = try Element.array(json: value, field: field)
  }

  package func write(to writer: inout JSONWriter) { Element.write(self, to: &writer) }
}

/// What an array can hold: decides how the array itself is written.
package protocol JSONArrayElement {
  static func array(json value: JSONValue, field: String) throws(MessageError) -> [Self]
  static func write(_ elements: [Self], to writer: inout JSONWriter)
}

extension JSONArrayElement where Self: JSONConvertible {
  package static func array(json value: JSONValue, field: String) throws(MessageError) -> [Self] {
    guard case .array(let elements) = value else {
      throw .invalidField(field, reason: "must be an array")
    }
    var result: [Self] = []
    result.reserveCapacity(elements.count)
    for (index, element) in elements.enumerated() {
      if case .null = element, Self.self != StructValue.self {
        throw .invalidField("\(field)[\(index)]", reason: "must not be null")
      }
      try result.append(Self(json: element, field: "\(field)[\(index)]"))
    }
    return result
  }

  package static func write(_ elements: [Self], to writer: inout JSONWriter) {
    writer.beginArray()
    for element in elements { element.write(to: &writer) }
    writer.endArray()
  }
}

extension String: JSONArrayElement {}
extension Bool: JSONArrayElement {}
extension Int32: JSONArrayElement {}
extension Int64: JSONArrayElement {}
extension UInt32: JSONArrayElement {}
extension UInt64: JSONArrayElement {}
extension Float: JSONArrayElement {}
extension Double: JSONArrayElement {}
extension Array: JSONArrayElement where Element == UInt8 {}

extension UInt8: JSONArrayElement {
  package static func array(json value: JSONValue, field: String) throws(MessageError) -> [UInt8] {
    guard case .string(let text) = value, let bytes = Base64.either.decode(text, padding: .optional)
    else {
      throw .invalidField(field, reason: "must be base64")
    }
    return bytes
  }

  package static func write(_ elements: [UInt8], to writer: inout JSONWriter) {
    writer.string(Base64.standard.encode(elements, isPadded: true))
  }
}

/// Keys of map fields: always strings in JSON.
package protocol JSONMapKey: Hashable, Comparable {
  init(jsonKey text: String, field: String) throws(MessageError)
  var jsonKey: String { get }
}

extension String: JSONMapKey {
  package init(jsonKey text: String, field: String) throws(MessageError) { self = text }
  package var jsonKey: String { self }
}

extension JSONMapKey where Self: JSONInteger {
  package init(jsonKey text: String, field: String) throws(MessageError) {
    try self.init(json: .string(text), field: field)
  }
  package var jsonKey: String { String(self) }
}

extension Int32: JSONMapKey {}
extension Int64: JSONMapKey {}
extension UInt32: JSONMapKey {}
extension UInt64: JSONMapKey {}

extension Dictionary: JSONConvertible where Key: JSONMapKey, Value: JSONConvertible {
  package static var jsonDefault: [Key: Value] { [:] }

  package init(json value: JSONValue, field: String) throws(MessageError) {
    guard case .object(let members) = value else {
      throw .invalidField(field, reason: "must be an object")
    }
    self.init(minimumCapacity: members.count)
    for member in members {
      let name = "\(field).\(member.name)"
      if case .null = member.value, Value.self != StructValue.self {
        throw .invalidField(name, reason: "must not be null")
      }
      let key = try Key(jsonKey: member.name, field: name)
      // `1` and `1.0` are different names and the same key.
      guard updateValue(try Value(json: member.value, field: name), forKey: key) == nil else {
        throw .invalidField(name, reason: "is there twice")
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.beginObject()
    for (key, value) in self.sorted(by: { $0.key < $1.key }) {
      writer.name(key.jsonKey)
      value.write(to: &writer)
    }
    writer.endObject()
  }
}
