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
