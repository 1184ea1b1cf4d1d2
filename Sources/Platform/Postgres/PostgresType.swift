/// A type by its object id, which is fixed for built-in types (`pg_type.dat`).
package struct PostgresType: RawRepresentable, Sendable, Hashable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let bool = PostgresType(rawValue: 16)
  package static let bytea = PostgresType(rawValue: 17)
  package static let name = PostgresType(rawValue: 19)
  package static let int8 = PostgresType(rawValue: 20)
  package static let int2 = PostgresType(rawValue: 21)
  package static let int4 = PostgresType(rawValue: 23)
  package static let text = PostgresType(rawValue: 25)
  package static let json = PostgresType(rawValue: 114)
  package static let float4 = PostgresType(rawValue: 700)
  package static let float8 = PostgresType(rawValue: 701)
  package static let bpchar = PostgresType(rawValue: 1042)
  package static let varchar = PostgresType(rawValue: 1043)
  package static let timestamptz = PostgresType(rawValue: 1184)
  package static let uuid = PostgresType(rawValue: 2950)
  package static let jsonb = PostgresType(rawValue: 3802)

  package static let boolArray = PostgresType(rawValue: 1000)
  package static let int4Array = PostgresType(rawValue: 1007)
  package static let textArray = PostgresType(rawValue: 1009)
  package static let varcharArray = PostgresType(rawValue: 1015)
  package static let int8Array = PostgresType(rawValue: 1016)
  package static let timestamptzArray = PostgresType(rawValue: 1185)
  package static let uuidArray = PostgresType(rawValue: 2951)
}

/// A point in time as PostgreSQL keeps it (timestamptz), exact to the microsecond.
package struct PostgresTimestamp: Sendable, Hashable, Comparable {
  /// Since 1970-01-01T00:00:00Z.
  package var microsecondsSinceEpoch: Int64

  package init(microsecondsSinceEpoch: Int64) {
    self.microsecondsSinceEpoch = microsecondsSinceEpoch
  }

  package static func < (left: PostgresTimestamp, right: PostgresTimestamp) -> Bool {
    left.microsecondsSinceEpoch < right.microsecondsSinceEpoch
  }
}

/// A JSON document as text, bound as jsonb; the server checks it.
package struct PostgresJSON: Sendable, Hashable {
  package var text: String

  package init(_ text: String) { self.text = text }
}
