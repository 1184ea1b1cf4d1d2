package import FoundationEssentials

/// A value that can be read from a column of a result, always in binary.
///
/// The same types as `PostgresEncodable`; integers also from narrower columns, `String` also from
/// varchar, char(n) and name, `PostgresJSON` also from json. Cast anything else in SQL
/// (`kind::text`).
package protocol PostgresDecodable {
  /// Reads a value that is not null.
  ///
  /// - Throws: `PostgresCellError` when the column has a type that this one cannot hold.
  init(postgres cell: PostgresCell) throws(PostgresCellError)

  /// Reads a value that may be null (`cell` is nil); only `Optional` needs its own.
  static func decode(postgres cell: PostgresCell?) throws(PostgresCellError) -> Self
}

extension PostgresDecodable {
  package static func decode(postgres cell: PostgresCell?) throws(PostgresCellError) -> Self {
    guard let cell else { throw PostgresCellError(detail: "is null") }
    return try Self(postgres: cell)
  }
}

extension PostgresDecodable where Self: RawRepresentable, RawValue: PostgresDecodable {
  package init(postgres cell: PostgresCell) throws(PostgresCellError) {
    guard let value = Self(rawValue: try RawValue(postgres: cell)) else {
      throw PostgresCellError(detail: "holds no \(Self.self)")
    }
    self = value
  }
}

/// One value of a result. `bytes` are valid only while the value is being decoded.
package struct PostgresCell {
  package let type: PostgresType
  package let bytes: UnsafeRawBufferPointer
}

/// Why a value could not be read; the row adds the column's name.
package struct PostgresCellError: Error, Equatable {
  /// For the operator; must not repeat the value.
  package let detail: String

  package init(detail: String) { self.detail = detail }
}

extension PostgresCell {
  func require(_ accepted: PostgresType...) throws(PostgresCellError) {
    guard accepted.contains(type) else {
      throw PostgresCellError(detail: "has type \(type.rawValue)")
    }
  }

  /// The bytes as one integer in network byte order.
  func integer<Value: FixedWidthInteger>(
    _ type: Value.Type = Value.self
  ) throws(PostgresCellError) -> Value {
    guard bytes.count == MemoryLayout<Value>.size else {
      throw PostgresCellError(detail: "has \(bytes.count) bytes")
    }
    return Value(bigEndian: bytes.loadUnaligned(as: Value.self))
  }

  /// An int2, int4 or int8, if it fits.
  func anyInteger<Value: FixedWidthInteger>() throws(PostgresCellError) -> Value {
    let wide: Int64 =
      switch type {
      case .int2: Int64(try integer(Int16.self))
      case .int4: Int64(try integer(Int32.self))
      case .int8: try integer()
      default: throw PostgresCellError(detail: "has type \(type.rawValue)")
      }
    guard let value = Value(exactly: wide) else {
      throw PostgresCellError(detail: "does not fit \(Value.self)")
    }
    return value
  }

  func text(_ bytes: UnsafeRawBufferPointer) throws(PostgresCellError) -> String {
    // The connection's encoding is UTF8, but a database in SQL_ASCII promises nothing.
    // Repairing and comparing is many times quicker than `String(validating:as:)`.
    let text = String(decoding: bytes, as: UTF8.self)
    guard text.utf8.elementsEqual(bytes) else { throw PostgresCellError(detail: "is not UTF-8") }
    return text
  }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
  package init(postgres cell: PostgresCell) throws(PostgresCellError) {
    self = try Wrapped(postgres: cell)
  }

  package static func decode(
    postgres cell: PostgresCell?
  ) throws(PostgresCellError) -> Wrapped? {
    guard let cell else { return nil }
    return try Wrapped(postgres: cell)
  }
}

extension String: PostgresDecodable {
  package init(postgres cell: PostgresCell) throws(PostgresCellError) {
    try cell.require(.text, .varchar, .bpchar, .name)
    self = try cell.text(cell.bytes)
  }
}

extension Int: PostgresDecodable {
  package init(postgres cell: PostgresCell) throws(PostgresCellError) {
    self = try cell.anyInteger()
  }
}

extension Int64: PostgresDecodable {
  package init(postgres cell: PostgresCell) throws(PostgresCellError) {
    self = try cell.anyInteger()
  }
}

extension Int32: PostgresDecodable {
  package init(postgres cell: PostgresCell) throws(PostgresCellError) {
    self = try cell.anyInteger()
  }
}

extension UInt8: PostgresDecodable {
  package init(postgres cell: PostgresCell) throws(PostgresCellError) {
    self = try cell.anyInteger()
  }
}

extension Bool: PostgresDecodable {
  package init(postgres cell: PostgresCell) throws(PostgresCellError) {
    try cell.require(.bool)
    self = try cell.integer(UInt8.self) != 0
  }
}

extension Double: PostgresDecodable {
  package init(postgres cell: PostgresCell) throws(PostgresCellError) {
    switch cell.type {
    case .float8: self = Double(bitPattern: try cell.integer())
    case .float4: self = Double(Float(bitPattern: try cell.integer()))
    default: throw PostgresCellError(detail: "has type \(cell.type.rawValue)")
    }
  }
}

extension UUID: PostgresDecodable {
  package init(postgres cell: PostgresCell) throws(PostgresCellError) {
    try cell.require(.uuid)
    guard cell.bytes.count == MemoryLayout<uuid_t>.size else {
      throw PostgresCellError(detail: "has \(cell.bytes.count) bytes")
    }
    self.init(uuid: cell.bytes.loadUnaligned(as: uuid_t.self))
  }
}

extension PostgresTimestamp: PostgresDecodable {
  /// 2000-01-01T00:00:00Z, from which PostgreSQL counts.
  static let postgresEpochMicroseconds: Int64 = 946_684_800_000_000

  var microsecondsSincePostgresEpoch: Int64 {
    let (value, overflows) = microsecondsSinceEpoch.subtractingReportingOverflow(
      Self.postgresEpochMicroseconds)
    // The least Int64 is PostgreSQL's -infinity.
    return overflows ? .min : value
  }

  /// Rounded to the microsecond; times out of range become the limits.
  package init(_ date: Date) {
    let microseconds = (date.timeIntervalSince1970 * 1_000_000).rounded()
    self.init(
      microsecondsSinceEpoch: Int64(exactly: microseconds) ?? (microseconds < 0 ? .min : .max))
  }

  package init(postgres cell: PostgresCell) throws(PostgresCellError) {
    try cell.require(.timestamptz)
    let (value, overflows) = try cell.integer(Int64.self).addingReportingOverflow(
      Self.postgresEpochMicroseconds)
    guard !overflows else { throw PostgresCellError(detail: "is out of range") }
    self.init(microsecondsSinceEpoch: value)
  }

  package var date: Date {
    Date(timeIntervalSince1970: Double(microsecondsSinceEpoch) / 1_000_000)
  }
}

extension Date: PostgresDecodable {
  package init(postgres cell: PostgresCell) throws(PostgresCellError) {
    self = try PostgresTimestamp(postgres: cell).date
  }
}

extension PostgresJSON: PostgresDecodable {
  package init(postgres cell: PostgresCell) throws(PostgresCellError) {
    switch cell.type {
    case .json: text = try cell.text(cell.bytes)
    case .jsonb:
      guard cell.bytes.first == Self.formatVersion else {
        throw PostgresCellError(detail: "has an unknown version of jsonb")
      }
      text = try cell.text(UnsafeRawBufferPointer(rebasing: cell.bytes.dropFirst()))
    default: throw PostgresCellError(detail: "has type \(cell.type.rawValue)")
    }
  }
}

// MARK: Arrays

extension Array: PostgresDecodable where Element: PostgresArrayElement {
  package init(postgres cell: PostgresCell) throws(PostgresCellError) {
    self = try Element.decode(array: cell)
  }
}

extension PostgresArrayElement {
  /// Reads arrays of one dimension without NULLs; the lower bound does not matter.
  package static func decode(array cell: PostgresCell) throws(PostgresCellError) -> [Self] {
    var reader = ArrayReader(bytes: cell.bytes)
    let dimensions = try reader.integer()
    _ = try reader.integer()
    let type = PostgresType(rawValue: UInt32(bitPattern: try reader.integer()))
    guard dimensions != 0 else { return [] }
    guard dimensions == 1 else {
      throw PostgresCellError(detail: "has \(dimensions) dimensions")
    }
    let count = try reader.integer()
    _ = try reader.integer()
    var elements: [Self] = []
    for _ in 0..<max(count, 0) {
      elements.append(try Self(postgres: PostgresCell(type: type, bytes: try reader.element())))
    }
    return elements
  }
}

/// Walks the binary form of an array, never past its end.
private struct ArrayReader {
  let bytes: UnsafeRawBufferPointer
  var position = 0

  mutating func integer() throws(PostgresCellError) -> Int32 {
    guard bytes.count - position >= 4 else { throw PostgresCellError(detail: "is no array") }
    defer { position += 4 }
    return Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: Int32.self))
  }

  mutating func element() throws(PostgresCellError) -> UnsafeRawBufferPointer {
    let length = Int(try integer())
    guard length >= 0 else { throw PostgresCellError(detail: "has a NULL in its array") }
    guard bytes.count - position >= length else { throw PostgresCellError(detail: "is no array") }
    defer { position += length }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<position + length])
  }
}
