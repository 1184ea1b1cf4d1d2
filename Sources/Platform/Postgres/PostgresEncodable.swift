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
