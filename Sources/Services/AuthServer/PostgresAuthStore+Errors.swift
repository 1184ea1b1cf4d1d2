import Auth
import Postgres

extension PostgresAuthStore {
  /// Runs a single statement with this domain's errors.
  @discardableResult
  func query<Value>(
    _ body: () async throws(PostgresError) -> Value
  ) async throws(AuthError) -> Value {
    do {
      return try await body()
    } catch {
      throw AuthError(error)
    }
  }

  /// Runs a transaction with this domain's errors: an `AuthError` of `body` passes through, and
  /// `refusal` may know what a violated constraint means.
  func transaction(
    _ body: (PostgresTransaction) async throws -> Void,
    refusal: (PostgresError) -> AuthError? = { _ in nil }
  ) async throws(AuthError) {
    do {
      try await postgres.transaction { transaction in try await body(transaction) }
    } catch let error as AuthError {
      throw error
    } catch let error as PostgresError {
      throw refusal(error) ?? AuthError(error)
    } catch is CancellationError {
      throw .cancelled
    } catch {
      throw .storage(detail: String(describing: error))
    }
  }
}

extension AuthError {
  fileprivate init(_ error: PostgresError) {
    let detail = String(describing: error)
    self =
      switch error {
      case .cancelled: .cancelled
      case .storageFull, .connectionFailed, .connectionClosed, .timeout, .poolExhausted,
        .shuttingDown:
        .storageUnavailable(detail: detail)
      case .server, .decoding, .queryTooLarge, .transactionAborted, .transactionEnded:
        .storage(detail: detail)
      }
  }
}
