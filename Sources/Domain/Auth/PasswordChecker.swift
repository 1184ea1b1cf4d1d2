import Cryptography
import Identity

/// Hashes and checks passwords in the pool, where sources take turns, with this module's errors.
struct PasswordChecker: Sendable {
  /// When to come back after the pool's queue was full: it drains within a second.
  static let overloadDelay: Duration = .seconds(1)

  let pool: PasswordHashingPool

  /// The hash of the password's composed form.
  func hash(_ password: SecretBytes, for origin: CallOrigin) async throws(AuthError) -> String {
    do {
      return try await pool.hash(password.composed, for: ClientSource(origin.ipAddress).name)
    } catch {
      throw Self.authError(error)
    }
  }

  /// Compares with `stored`; without one takes as long, and fails.
  ///
  /// Hashes from before passwords were composed are of what was typed then: that is tried as well
  /// where it differs, and says that a new hash is needed.
  func verify(
    _ password: SecretBytes, against stored: String?, for origin: CallOrigin
  ) async throws(AuthError) -> PasswordHasher.Verification? {
    let composed = password.composed
    let party = ClientSource(origin.ipAddress).name
    if let verification = try await compare(composed, with: stored, for: party) {
      return verification
    }
    guard !composed.constantTimeEquals(password),
      let verification = try await compare(password, with: stored, for: party)
    else { return nil }
    return PasswordHasher.Verification(matches: verification.matches, needsRehash: true)
  }

  private func compare(
    _ password: SecretBytes, with stored: String?, for party: String
  ) async throws(AuthError) -> PasswordHasher.Verification? {
    do {
      let verification = try await pool.verify(
        password, against: stored ?? pool.dummyHash, for: party)
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

extension SecretBytes {
  /// Unicode's form C, in which an accented letter is one character; text that is not UTF-8 stays.
  var composed: SecretBytes {
    guard withUnsafeBytes({ $0.contains { $0 >= 0x80 } }) else { return self }
    let text = withUnsafeBytes { String(validating: $0, as: UTF8.self) }
    guard let text else { return self }
    // The form grows at most threefold in UTF-8 (UAX 15, "Stability of Normalized Forms").
    return SecretBytes(capacity: Self.compositionGrowthMax * count) { buffer in
      var written = 0
      text._withNFCCodeUnits { byte in
        guard written < buffer.count else { return }
        buffer[written] = byte
        written += 1
      }
      return written
    }
  }

  private static let compositionGrowthMax = 3
}
