import NIOCore

/// Somebody in the pool's waiting queue.
struct PostgresWaiter {
  enum Request {
    case statement(PostgresOperation)
    /// A transaction, which wants a connection for itself.
    case lease(Promise<PostgresConnection, PostgresError>)
  }

  let request: Request
  /// When its own deadline passes, and how long the pool lets anyone wait.
  let deadline: NIODeadline
  let patience: NIODeadline

  var leavesAt: NIODeadline { min(deadline, patience) }

  var isFinished: Bool {
    switch request {
    case .statement(let operation): operation.promise.isFinished
    case .lease(let promise): promise.isFinished
    }
  }

  func fail(_ error: PostgresError) {
    switch request {
    case .statement(let operation): operation.promise.finish(.failure(error))
    case .lease(let promise): promise.finish(.failure(error))
    }
  }
}
