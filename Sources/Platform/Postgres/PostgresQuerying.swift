/// What a client and a transaction have in common: running queries.
package protocol PostgresQuerying: Sendable {
  /// Runs a statement and returns everything it answered.
  ///
  /// - Parameter timeout: nil means the configuration's `queryTimeout`; it covers waiting for a
  ///   connection too. In a transaction the transaction's own deadline holds as well.
  func result(
    of query: PostgresQuery, timeout: Duration?
  ) async throws(PostgresError) -> PostgresResult
}

extension PostgresQuerying {
  /// Runs a statement and returns its rows, which are decoded as they are read.
  package func rows(
    _ query: PostgresQuery, timeout: Duration? = nil
  ) async throws(PostgresError) -> [PostgresRow] {
    try await result(of: query, timeout: timeout).rows
  }

  /// Returns the first row, decoded, or nil when there is none; further rows are ignored.
  package func first<Value>(
    _ query: PostgresQuery, timeout: Duration? = nil,
    as decode: (PostgresRow) throws(PostgresError) -> Value
  ) async throws(PostgresError) -> Value? {
    let result = try await result(of: query, timeout: timeout)
    return result.count == 0 ? nil : try decode(result[0])
  }

  /// Returns every row, decoded.
  package func all<Value>(
    _ query: PostgresQuery, timeout: Duration? = nil,
    as decode: (PostgresRow) throws(PostgresError) -> Value
  ) async throws(PostgresError) -> [Value] {
    let result = try await result(of: query, timeout: timeout)
    var values: [Value] = []
    values.reserveCapacity(result.count)
    for index in 0..<result.count { values.append(try decode(result[index])) }
    return values
  }

  /// Runs a statement and returns how many rows it inserted, updated or deleted.
  @discardableResult
  package func execute(
    _ query: PostgresQuery, timeout: Duration? = nil
  ) async throws(PostgresError) -> Int {
    try await result(of: query, timeout: timeout).affectedRows
  }
}
