import CLibPQ
import Glibc

/// Everything one statement answered, in the memory that libpq received it in.
///
/// Immutable, and every call that reads it is free of side effects, so it may cross threads.
package final class PostgresResult: @unchecked Sendable {
  /// Nil for nothing: libpq reads that as no rows.
  private let handle: OpaquePointer?
  /// How many rows there are.
  package let count: Int
  let columnCount: Int

  /// Takes over the result; `PQclear` is this object's job.
  init(owning handle: OpaquePointer?) {
    self.handle = handle
    count = Int(PQntuples(handle))
    columnCount = Int(PQnfields(handle))
  }

  deinit { PQclear(handle) }

  package subscript(row: Int) -> PostgresRow { PostgresRow(result: self, index: row) }

  package var rows: [PostgresRow] { (0..<count).map { self[$0] } }

  /// How many rows the statement inserted, updated, deleted or returned.
  package var affectedRows: Int {
    guard let text = PQcmdTuples(handle) else { return 0 }
    return Int(String(cString: text)) ?? 0
  }

  /// The command tag, e.g. `INSERT 0 1`.
  var commandTag: String {
    guard let text = PQcmdStatus(handle) else { return "" }
    return String(cString: text)
  }

  /// The first column of that name, compared exactly; libpq's own search folds the case.
  func column(named name: String) -> Int? {
    name.withCString { wanted in
      for column in 0..<columnCount {
        if let found = PQfname(handle, Int32(column)), strcmp(found, wanted) == 0 { return column }
      }
      return nil
    }
  }

  func name(ofColumn column: Int) -> String {
    guard let name = PQfname(handle, Int32(truncatingIfNeeded: column)) else { return "#\(column)" }
    return String(cString: name)
  }

  /// Lends one value to `body`, nil for NULL. `row` and `column` must exist.
  func withCell<Value>(
    row: Int, column: Int,
    _ body: (PostgresCell?) throws(PostgresCellError) -> Value
  ) throws(PostgresCellError) -> Value {
    defer { withExtendedLifetime(self) {} }
    let (row, column) = (Int32(row), Int32(column))
    guard PQgetisnull(handle, row, column) == 0 else { return try body(nil) }
    // Text would be read as if it were binary; every query asks for binary.
    guard PQfformat(handle, column) == 1 else { throw PostgresCellError(detail: "is not binary") }
    return try body(
      PostgresCell(
        type: PostgresType(rawValue: PQftype(handle, column)),
        bytes: UnsafeRawBufferPointer(
          start: PQgetvalue(handle, row, column), count: Int(PQgetlength(handle, row, column)))))
  }
}

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
  /// - Throws: `PostgresError.decoding` when there is no such column, it is NULL, or its type is
  ///   not one that `Value` reads.
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
