package import Cryptography
package import FoundationEssentials
import Identity

/// Makes the challenges that passkeys sign, and knows its own.
///
/// A challenge says when it was made and is authenticated together with what it is for, so that a
/// page that asks for one stores nothing: strangers can't fill the database. What is stored is that
/// one has been used, after a right signature over it.
package struct PasskeyChallenges: Sendable {
  /// What a challenge is for.
  package enum Purpose: Sendable, Hashable {
    /// Adding a passkey, in this session.
    case registration(session: UUID)
    /// A log-in by the passkey alone.
    case logIn
    /// A log-in whose password was right, by the hash of its token.
    case secondFactor(tokenHash: [UInt8])
    /// Proving once more who one is, in this session.
    case confirmation(session: UUID)

    fileprivate var bytes: [UInt8] {
      switch self {
      case .registration(let session): Array("registration \(session.text)".utf8)
      case .logIn: Array("log-in".utf8)
      case .secondFactor(let hash): Array("second-factor ".utf8) + hash
      case .confirmation(let session): Array("confirmation \(session.text)".utf8)
      }
    }
  }

  /// How long a person may take; also what browsers are told.
  package static let lifetime: Duration = .seconds(300)
  private static let domain = Array("chatelaine passkey challenge v1".utf8) + [0]
  private static let randomBytes = 16
  private static let payloadBytes = randomBytes + 8

  private let key: SecretBytes

  /// - Parameter key: 32 bytes that no database holds.
  package init(key: SecretBytes) { self.key = key }

  /// 56 bytes, of which 16 are random.
  package func issue(_ purpose: Purpose, at now: Date) throws(AuthError) -> [UInt8] {
    let random: [UInt8]
    do {
      random = try SecureRandom.bytes(Self.randomBytes)
    } catch {
      throw .engine(detail: "challenge: \(error)")
    }
    let seconds = UInt64(exactly: now.timeIntervalSince1970.rounded(.down)) ?? 0
    let payload = random + withUnsafeBytes(of: seconds.bigEndian) { Array($0) }
    return payload + code(payload, purpose)
  }

  /// When the challenge ends; nil for one that is not ours, not for this, or over.
  package func end(of challenge: [UInt8], for purpose: Purpose, at now: Date) -> Date? {
    guard challenge.count == Self.payloadBytes + HMACSHA256.byteCount else { return nil }
    let payload = Array(challenge[..<Self.payloadBytes])
    guard ConstantTime.equals(code(payload, purpose), Array(challenge[Self.payloadBytes...])) else {
      return nil
    }
    let seconds = payload[Self.randomBytes...].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let end = Date(timeIntervalSince1970: TimeInterval(seconds))
      .advanced(by: Self.lifetime.timeInterval)
    return now < end ? end : nil
  }

  private func code(_ payload: [UInt8], _ purpose: Purpose) -> [UInt8] {
    HMACSHA256.authenticationCode(for: Self.domain + payload + purpose.bytes, key: key)
  }
}
