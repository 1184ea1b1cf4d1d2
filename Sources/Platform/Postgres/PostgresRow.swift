/// One row of a result.
package struct PostgresRow: Sendable {
  private let result: PostgresResult
  private let index: Int

  init(result: PostgresResult, index: Int) {
    self.result = result
    self.index = index
  }

  /// Reads a column by its exact name; an optional type takes NULL as nil.
  ///
  /// - Throws: `PostgresError.decoding` when there is no such column, it is NULL, or its type is not
  ///   one that `Value` reads.
  package func decode<Value: PostgresDecodable>(
    _ column: String, as type: Value.Type = Value.self
  ) throws(PostgresError) -> Value {
    guard let position = result.column(named: column) else {
      throw .decoding(column: column, detail: "is not in the result")
    }
    return try decode(position, as: type)
  }

  /// Reads a column by its position from 0.
  ///
  /// - Throws: as the variant by name does.
  package func decode<Value: PostgresDecodable>(
    _ column: Int, as type: Value.Type = Value.self
  ) throws(PostgresError) -> Value {
    guard (0..<result.columnCount).contains(column), (0..<result.count).contains(index) else {
      throw .decoding(column: "#\(column)", detail: "is not in the result")
    }
    do throws(PostgresCellError) {
      return try result.withCell(row: index, column: column) {
        (cell) throws(PostgresCellError) in try Value.decode(postgres: cell)
      }
    } catch {
      throw .decoding(column: result.name(ofColumn: column), detail: error.detail)
    }
  }
}
