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
