import Glibc

/// SQL whose interpolated values are bound as parameters (`$1`, …) and never become text.
///
/// ```swift
/// let query: PostgresQuery = "SELECT id FROM accounts WHERE email = \(email)"
/// ```
///
/// Filters that are there only sometimes are appended: `query += " AND outcome = \(outcome)"`.
package struct PostgresQuery: Sendable, ExpressibleByStringInterpolation {
  /// With `$1`, `$2`, … where values were interpolated.
  package private(set) var sql: String
  private(set) var parameters: PostgresParameters
  /// Where each `$n` begins in `sql`, in UTF-8 bytes: what `+=` needs to number them anew.
  private var placeholderOffsets: [Int]

  package init(stringLiteral literal: StaticString) {
    sql = literal.description
    parameters = PostgresParameters()
    placeholderOffsets = []
  }

  package init(stringInterpolation interpolation: StringInterpolation) {
    self = interpolation.query
  }

  /// For names that the statement cache made up.
  init(deallocating name: String) {
    self.init(capacity: 0)
    sql = "DEALLOCATE \(name)"
  }

  private init(capacity: Int) {
    sql = ""
    sql.reserveCapacity(capacity)
    parameters = PostgresParameters()
    placeholderOffsets = []
  }

  /// The protocol counts parameters in 16 bits.
  static let parametersMax = 65_535
  static let parametersBytesMax = 64 << 20

  func checkLimits() throws(PostgresError) {
    guard parameters.count <= Self.parametersMax else {
      throw .queryTooLarge(detail: "\(parameters.count) parameters")
    }
    guard parameters.buffer.bytes.count <= Self.parametersBytesMax else {
      throw .queryTooLarge(detail: "\(parameters.buffer.bytes.count) bytes of parameters")
    }
  }

  /// Whether the statement only reads, so that no lock of another makes it wait.
  var isRead: Bool {
    guard sql.utf8.starts(with: "SELECT ".utf8) else { return false }
    var sql = sql
    return sql.withUTF8 { sql in !Self.lockingWords.contains { Self.holds($0, in: sql) } }
  }

  /// By memcmp(3): asked of every statement, for which the standard library's search takes 40 us.
  private static func holds(_ word: StaticString, in sql: UnsafeBufferPointer<UInt8>) -> Bool {
    let count = word.utf8CodeUnitCount
    guard let start = sql.baseAddress, sql.count >= count else { return false }
    return (0...sql.count - count).contains { offset in
      start[offset] == word.utf8Start[0] && memcmp(start + offset, word.utf8Start, count) == 0
    }
  }

  private static let lockingWords: [StaticString] = [" FOR ", "lock(", "nextval("]

  /// Appends another piece of SQL with its parameters.
  package static func += (query: inout PostgresQuery, more: PostgresQuery) {
    query.append(more)
  }

  package struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var query: PostgresQuery

    package init(literalCapacity: Int, interpolationCount: Int) {
      query = PostgresQuery(capacity: literalCapacity + 3 * interpolationCount)
    }

    package mutating func appendLiteral(_ literal: StaticString) {
      literal.withUTF8Buffer { query.sql += String(decoding: $0, as: UTF8.self) }
    }

    /// Binds a value.
    package mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value) {
      query.appendPlaceholder()
      query.parameters.append(value)
    }

    /// Binds a value or NULL, typed.
    package mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value?) {
      query.appendPlaceholder()
      if let value {
        query.parameters.append(value)
      } else {
        query.parameters.appendNull(Value.postgresType)
      }
    }

    /// Inserts another piece of SQL with its parameters.
    package mutating func appendInterpolation(_ fragment: PostgresQuery) {
      query.append(fragment)
    }

    /// Inserts SQL that the source code itself contains; nothing computed can get here.
    package mutating func appendInterpolation(unsafeRawSQL sql: StaticString) {
      appendLiteral(sql)
    }
  }

  private mutating func appendPlaceholder() {
    placeholderOffsets.append(sql.utf8.count)
    sql += "$\(parameters.count + 1)"
  }

  private mutating func append(_ more: PostgresQuery) {
    let utf8 = more.sql.utf8
    var rest = utf8.startIndex
    for (index, offset) in more.placeholderOffsets.enumerated() {
      let placeholder = utf8.index(utf8.startIndex, offsetBy: offset)
      sql += more.sql[rest..<placeholder]
      placeholderOffsets.append(sql.utf8.count)
      sql += "$\(parameters.count + index + 1)"
      rest = utf8.index(placeholder, offsetBy: "$\(index + 1)".utf8.count)
    }
    sql += more.sql[rest...]
    parameters.append(contentsOf: more.parameters)
  }
}

extension PostgresQuery: CustomStringConvertible, CustomReflectable {
  /// The SQL without the values.
  package var description: String { sql }
  package var customMirror: Mirror { Mirror(self, children: ["sql": sql]) }
}

/// The bound values of a query, back to back in one buffer.
struct PostgresParameters: Sendable {
  private(set) var buffer = PostgresBuffer()
  private(set) var types: [UInt32] = []
  /// Where each value ends in `buffer`; -1 for NULL.
  private(set) var ends: [Int] = []

  var count: Int { types.count }

  mutating func append<Value: PostgresEncodable>(_ value: Value) {
    value.encode(into: &buffer)
    types.append(Value.postgresType.rawValue)
    ends.append(buffer.bytes.count)
  }

  mutating func appendNull(_ type: PostgresType) {
    types.append(type.rawValue)
    ends.append(-1)
  }

  mutating func append(contentsOf more: PostgresParameters) {
    let shift = buffer.bytes.count
    buffer.append(contentsOf: more.buffer.bytes)
    types += more.types
    ends += more.ends.map { $0 < 0 ? -1 : $0 + shift }
  }
}
