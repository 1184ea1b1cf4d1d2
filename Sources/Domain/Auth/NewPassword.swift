package import Cryptography

/// A password that somebody wants to have from now on: it was checked against the rules.
///
/// Its bytes are kept as given, without Unicode normalisation: what is typed in the same way on the
/// same kind of device matches, and nothing is silently changed.
package struct NewPassword: Sendable {
  /// Unicode scalar values, as people count characters in most scripts.
  package static let charactersMin = 12
  package static let charactersMax = 256
  /// Fewer different characters are guessed quickly, however many there are.
  package static let differentCharactersMin = 5

  package let secret: SecretBytes

  /// Throws `.invalid(.password, …)` for a password that is too short, too long, too simple, among
  /// the most common ones, or the e-mail address.
  package init(_ secret: SecretBytes, email: EmailAddress) throws(AuthError) {
    let problem = secret.withUTF8String { Self.problem(with: $0, email: email) }
    if let problem { throw .invalid(.password, reason: problem) }
    self.secret = secret
  }

  private static func problem(with text: String, email: EmailAddress) -> String? {
    let count = text.unicodeScalars.count
    guard (charactersMin...charactersMax).contains(count) else {
      return "must have \(charactersMin) to \(charactersMax) characters"
    }
    guard Set(text.unicodeScalars).count >= differentCharactersMin else {
      return "must have at least \(differentCharactersMin) different characters"
    }
    let folded = text.lowercased()
    let localPart = email.key.prefix { $0 != "@" }
    guard folded != email.key, folded != localPart else {
      return "must not be the e-mail address"
    }
    guard !CommonPasswords.contains(folded) else {
      return "is one of the most common passwords"
    }
    return nil
  }
}

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
