import Cryptography

/// Hashes and checks passwords in the pool, with this module's errors.
struct PasswordChecker: Sendable {
  /// When to come back after the pool's queue was full: it drains within a second.
  static let overloadDelay: Duration = .seconds(1)

  let pool: PasswordHashingPool

  func hash(_ password: SecretBytes) async throws(AuthError) -> String {
    do {
      return try await pool.hash(password)
    } catch {
      throw Self.authError(error)
    }
  }

  /// Compares with `stored`; without one takes as long, and fails.
  func verify(
    _ password: SecretBytes, against stored: String?
  ) async throws(AuthError) -> PasswordHasher.Verification? {
    do {
      let verification = try await pool.verify(password, against: stored ?? pool.dummyHash)
      return stored != nil && verification.matches ? verification : nil
    } catch PasswordHashingError.passwordTooLong {
      // No account has such a password, so nothing is told by the time this takes.
      return nil
    } catch {
      throw Self.authError(error)
    }
  }

  private static func authError(_ error: any Error) -> AuthError {
    switch error {
    case PasswordHashingError.overloaded, PasswordHashingError.shutDown:
      .overloaded(retryAfter: overloadDelay)
    case is CancellationError: .cancelled
    default: .engine(detail: "password hashing: \(error)")
    }
  }
}
