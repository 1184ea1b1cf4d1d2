/// A domain's error that tells apart, as `PostgresError.Kind` does, how its storage fails.
package protocol StorageError: Error {
  /// The caller gave up.
  static var cancelled: Self { get }
  /// It may work later; `detail` is for the operator's log.
  static func storageUnavailable(detail: String) -> Self
  /// Nothing can be written until the operator has made room.
  static var storageFull: Self { get }
  /// A fault of ours or of the data; `detail` is for the operator's log.
  static func storage(detail: String) -> Self
}

extension StorageError {
  package init(_ error: PostgresError) {
    switch error.kind {
    case .cancelled: self = .cancelled
    case .unavailable: self = .storageUnavailable(detail: "\(error)")
    case .storageFull: self = .storageFull
    case .broken: self = .storage(detail: "\(error)")
    }
  }
}

/// A domain's tables: runs statements and throws the domain's errors.
package protocol PostgresStore: Sendable {
  associatedtype Failure: StorageError
  var postgres: PostgresClient { get }
}

extension PostgresStore {
  /// Runs a single statement.
  @discardableResult
  package func query<Value>(
    _ body: (PostgresClient) async throws(PostgresError) -> Value
  ) async throws(Failure) -> Value {
    do {
      return try await body(postgres)
    } catch {
      throw Failure(error)
    }
  }

  /// Runs a transaction. A `Failure` that `body` throws passes through, and `refusal` may know what
  /// a violated constraint means.
  @discardableResult
  package func transaction<Value: Sendable>(
    _ body: (PostgresTransaction) async throws -> Value,
    refusal: (PostgresError) -> Failure? = { _ in nil }
  ) async throws(Failure) -> Value {
    do {
      return try await postgres.transaction { try await body($0) }
    } catch let error as Failure {
      throw error
    } catch let error as PostgresError {
      throw refusal(error) ?? Failure(error)
    } catch is CancellationError {
      throw .cancelled
    } catch {
      throw .storage(detail: "\(error)")
    }
  }
}
