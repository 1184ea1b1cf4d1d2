package import Cryptography
import Glibc
import NIOCore

/// A connection for one thread that may block, one statement at a time, each with a deadline.
///
/// Migrations and set-up need what the pipeline does not allow: several statements in one text.
package final class MigrationSession {
  private let handle: ConnectionHandle

  /// Connects; returns after about `connectTimeout` per host at the latest.
  package init(_ configuration: PostgresConfiguration) throws(PostgresError) {
    handle = try Connector(configuration: configuration).connect()
    // A table may be large: the deadline of each statement is given with it.
    try run(
      text: "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0",
      timeout: configuration.queryTimeout)
  }

  var isInTransaction: Bool { handle.isIdleInTransaction }

  /// Runs one statement with bound values.
  @discardableResult
  package func run(
    _ query: PostgresQuery, timeout: Duration
  ) throws(PostgresError) -> PostgresResult {
    guard handle.send(query) else { throw .connectionClosed }
    return try wait(until: .now() + TimeAmount(timeout))
  }

  /// Runs SQL that may hold several statements; the answers are not looked at.
  package func run(text sql: String, timeout: Duration) throws(PostgresError) {
    guard handle.send(text: sql) else { throw .connectionClosed }
    _ = try wait(until: .now() + TimeAmount(timeout))
  }

  /// What a server keeps in place of a password (RFC 5803), so that the password itself stands in
  /// no statement and thus in no log; nil when libpq refuses it.
  package func verifier(ofPassword password: SecretBytes, role: String) -> String? {
    handle.verifier(ofPassword: password, role: role)
  }

  /// Collects the answers up to the end; the first failure counts, else the last success.
  private func wait(until deadline: NIODeadline) throws(PostgresError) -> PostgresResult {
    var answer = Result<PostgresResult, PostgresError>.success(PostgresResult(owning: nil))
    while true {
      let flushed = handle.flush()
      guard flushed != .failed else { throw .connectionClosed }
      while !handle.isBusy {
        guard let result = handle.nextResult() else { return try answer.get() }
        switch (AnswerKind(result), answer) {
        case (.success(let result), .success): answer = .success(result)
        case (.success, .failure): break
        case (.failure(let error), .success): answer = .failure(error)
        case (.failure, .failure): break
        // COPY would wait for ever.
        case (.skipped, _), (.sync, _), (.unexpected, _):
          handle.abort()
          throw .connectionClosed
        }
      }
      try waitForSocket(writing: flushed == .pending, until: deadline)
      guard handle.consumeInput() else { throw .connectionClosed }
    }
  }

  private func waitForSocket(writing: Bool, until deadline: NIODeadline) throws(PostgresError) {
    var descriptor = pollfd(
      fd: handle.socket, events: Int16(POLLIN) | (writing ? Int16(POLLOUT) : 0), revents: 0)
    let rest = deadline - .now()
    guard rest > .zero else {
      handle.abort()
      throw .timeout(.answer)
    }
    let milliseconds = Int32(clamping: rest.nanoseconds / 1_000_000 + 1)
    guard poll(&descriptor, 1, milliseconds) >= 0 || errno == EINTR else { throw .connectionClosed }
  }
}
