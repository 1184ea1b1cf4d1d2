package import FoundationEssentials

/// A value that can be bound to a query's parameter, always in binary.
///
/// Built in: `String` text, `Int` int8, `Int32` int4, `Bool`, `Double` float8, `UUID`, `[UInt8]`
/// bytea, `Date` and `PostgresTimestamp` timestamptz, `PostgresJSON` jsonb, optionals of them, and
/// arrays of `String`, `Int`, `Int32`, `UUID`. A `RawRepresentable` type conforms with an empty
/// extension when its raw value does.
package protocol PostgresEncodable: Sendable {
  /// The type that the parameter is declared with; SQL converts it with an explicit cast.
  static var postgresType: PostgresType { get }

  /// Appends the value in the type's binary form, without its length.
  func encode(into buffer: inout PostgresBuffer)
}

extension PostgresEncodable where Self: RawRepresentable, RawValue: PostgresEncodable {
  package static var postgresType: PostgresType { RawValue.postgresType }
  package func encode(into buffer: inout PostgresBuffer) { rawValue.encode(into: &buffer) }
}

/// Bytes in the making, in network byte order.
package struct PostgresBuffer: Sendable {
  package private(set) var bytes: [UInt8] = []

  package init() {}

  package mutating func append(_ integer: some FixedWidthInteger) {
    withUnsafeBytes(of: integer.bigEndian) { bytes.append(contentsOf: $0) }
  }

  package mutating func append(contentsOf more: some Sequence<UInt8>) {
    bytes.append(contentsOf: more)
  }

  /// Appends a length of four bytes and then what `body` appends, as array elements have it.
  mutating func appendLengthPrefixed(_ body: (inout PostgresBuffer) -> Void) {
    let start = bytes.count
    append(Int32(0))
    body(&self)
    let length = Int32(truncatingIfNeeded: bytes.count - start - 4)
    withUnsafeBytes(of: length.bigEndian) { source in
      for (offset, byte) in source.enumerated() { bytes[start + offset] = byte }
    }
  }
}

extension String: PostgresEncodable {
  package static var postgresType: PostgresType { .text }
  package func encode(into buffer: inout PostgresBuffer) { buffer.append(contentsOf: utf8) }
}

extension Int: PostgresEncodable {
  package static var postgresType: PostgresType { .int8 }
  package func encode(into buffer: inout PostgresBuffer) { buffer.append(Int64(self)) }
}

extension Int64: PostgresEncodable {
  package static var postgresType: PostgresType { .int8 }
  package func encode(into buffer: inout PostgresBuffer) { buffer.append(self) }
}

extension Int32: PostgresEncodable {
  package static var postgresType: PostgresType { .int4 }
  package func encode(into buffer: inout PostgresBuffer) { buffer.append(self) }
}

extension Bool: PostgresEncodable {
  package static var postgresType: PostgresType { .bool }
  package func encode(into buffer: inout PostgresBuffer) { buffer.append(self ? 1 : 0 as UInt8) }
}

extension Double: PostgresEncodable {
  package static var postgresType: PostgresType { .float8 }
  package func encode(into buffer: inout PostgresBuffer) { buffer.append(bitPattern) }
}

extension UUID: PostgresEncodable {
  package static var postgresType: PostgresType { .uuid }
  package func encode(into buffer: inout PostgresBuffer) {
    withUnsafeBytes(of: uuid) { buffer.append(contentsOf: $0) }
  }
}

extension PostgresTimestamp: PostgresEncodable {
  package static var postgresType: PostgresType { .timestamptz }
  package func encode(into buffer: inout PostgresBuffer) {
    buffer.append(microsecondsSincePostgresEpoch)
  }
}

extension Date: PostgresEncodable {
  package static var postgresType: PostgresType { .timestamptz }
  /// Rounded to the microsecond.
  package func encode(into buffer: inout PostgresBuffer) {
    PostgresTimestamp(self).encode(into: &buffer)
  }
}

extension PostgresJSON: PostgresEncodable {
  /// The only version of jsonb's binary form: this byte, then the text (`jsonb_recv`).
  static let formatVersion: UInt8 = 1

  package static var postgresType: PostgresType { .jsonb }
  package func encode(into buffer: inout PostgresBuffer) {
    buffer.append(Self.formatVersion)
    buffer.append(contentsOf: text.utf8)
  }
}

// MARK: Arrays

/// A value that arrays can be made of.
///
/// An array of bytes is bytea and no array to PostgreSQL, so the element says what its array is.
package protocol PostgresArrayElement: PostgresEncodable, PostgresDecodable {
  static var postgresArrayType: PostgresType { get }
  static func encode(array: [Self], into buffer: inout PostgresBuffer)
  static func decode(array cell: PostgresCell) throws(PostgresCellError) -> [Self]
}

extension Array: PostgresEncodable where Element: PostgresArrayElement {
  package static var postgresType: PostgresType { Element.postgresArrayType }
  package func encode(into buffer: inout PostgresBuffer) {
    Element.encode(array: self, into: &buffer)
  }
}

extension PostgresArrayElement {
  /// `array_send`'s form: dimensions, whether there are NULLs, element type, then per dimension its
  /// length and lower bound, then each element with its length.
  package static func encode(array: [Self], into buffer: inout PostgresBuffer) {
    buffer.append(Int32(array.isEmpty ? 0 : 1))
    buffer.append(Int32(0))
    buffer.append(postgresType.rawValue)
    guard !array.isEmpty else { return }
    buffer.append(Int32(truncatingIfNeeded: array.count))
    buffer.append(Int32(1))
    for element in array { buffer.appendLengthPrefixed { element.encode(into: &$0) } }
  }
}

extension String: PostgresArrayElement {
  package static var postgresArrayType: PostgresType { .textArray }
}

extension Int: PostgresArrayElement {
  package static var postgresArrayType: PostgresType { .int8Array }
}

extension Int32: PostgresArrayElement {
  package static var postgresArrayType: PostgresType { .int4Array }
}

extension Bool: PostgresArrayElement {
  package static var postgresArrayType: PostgresType { .boolArray }
}

extension UUID: PostgresArrayElement {
  package static var postgresArrayType: PostgresType { .uuidArray }
}

extension PostgresTimestamp: PostgresArrayElement {
  package static var postgresArrayType: PostgresType { .timestamptzArray }
}

extension Date: PostgresArrayElement {
  package static var postgresArrayType: PostgresType { .timestamptzArray }
}

extension UInt8: PostgresArrayElement {
  package static var postgresArrayType: PostgresType { .bytea }

  package static func encode(array: [UInt8], into buffer: inout PostgresBuffer) {
    buffer.append(contentsOf: array)
  }

  package static func decode(array cell: PostgresCell) throws(PostgresCellError) -> [UInt8] {
    try cell.require(.bytea)
    return [UInt8](cell.bytes)
  }

  // PostgreSQL has no integer of one byte; a single one travels as int2.
  package static var postgresType: PostgresType { .int2 }
  package func encode(into buffer: inout PostgresBuffer) { buffer.append(Int16(self)) }
}

/// An array of bytea, bound as one parameter: `[[UInt8]]` can't be told from one of arrays.
package struct ByteArrays: PostgresEncodable {
  package static var postgresType: PostgresType { PostgresType(rawValue: 1001) }

  private let elements: [[UInt8]]

  package init(_ elements: [[UInt8]]) { self.elements = elements }

  /// One dimension, no nulls, then each element behind its length (`array_recv`).
  package func encode(into buffer: inout PostgresBuffer) {
    buffer.append(Int32(elements.isEmpty ? 0 : 1))
    buffer.append(Int32(0))
    buffer.append(PostgresType.bytea.rawValue)
    guard !elements.isEmpty else { return }
    buffer.append(Int32(elements.count))
    buffer.append(Int32(1))
    for element in elements {
      buffer.append(Int32(element.count))
      buffer.append(contentsOf: element)
    }
  }
}
