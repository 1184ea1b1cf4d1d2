package import NIOCore

/// What became of one statement. Its parameters are no part of it.
package struct StatementReport: Sendable {
  /// With `$1`, `$2`, … where values were bound.
  package let sql: String
  /// When it was submitted; it may have waited for a connection first.
  package let started: NIODeadline
  /// From then to its answer.
  package let duration: TimeAmount
  /// Returned, inserted, updated or deleted.
  package let rowCount: Int
  /// Why there was no answer, or a bad one.
  package let error: PostgresError?
  /// What the observer said that it belongs to.
  package let origin: (any AnyObject & Sendable)?

  package init(
    sql: String, started: NIODeadline, duration: TimeAmount, rowCount: Int, error: PostgresError?,
    origin: (any AnyObject & Sendable)?
  ) {
    self.sql = sql
    self.started = started
    self.duration = duration
    self.rowCount = rowCount
    self.error = error
    self.origin = origin
  }
}

/// Hears of every statement that was submitted and whose caller still waited.
package protocol StatementObserver: AnyObject, Sendable {
  /// What the running task works on; asked when a statement is submitted.
  func origin() -> (any AnyObject & Sendable)?
  /// On the connection's event loop: it must not wait.
  func ended(_ report: StatementReport)
}

/// What a pool has and does at one moment.
package struct PostgresStatistics: Sendable {
  /// Open connections by what they do.
  package fileprivate(set) var idle = 0
  package fileprivate(set) var busy = 0
  package fileprivate(set) var inTransaction = 0
  package fileprivate(set) var opening = 0
  /// Statements and transactions in the queue.
  package fileprivate(set) var waiting = 0
  /// Statements outside transactions that are not answered.
  package fileprivate(set) var statementsInFlight = 0

  init(_ slots: some Sequence<PoolSlot>, opening: Int, waiting: Int) {
    (self.opening, self.waiting) = (opening, waiting)
    for slot in slots {
      statementsInFlight += slot.depth
      if slot.isPinned {
        inTransaction += 1
      } else if slot.depth > 0 {
        busy += 1
      } else {
        idle += 1
      }
    }
  }
}

extension PostgresOperation {
  /// Answers whoever waits and tells the observer; nothing when nobody waits any more.
  func finish(_ answer: Result<PostgresResult, PostgresError>) {
    guard promise.finish(answer), let observer else { return }
    var rowCount = 0
    var failure: PostgresError?
    switch answer {
    case .success(let result): rowCount = max(result.count, result.affectedRows)
    case .failure(let error): failure = error
    }
    observer.ended(
      StatementReport(
        sql: query.sql, started: started, duration: NIODeadline.now() - started, rowCount: rowCount,
        error: failure, origin: origin))
  }
}
