package import Cryptography
import FoundationEssentials
import Identity

/// Ties what proves who somebody is to its row, by an authentication code over everything that the
/// row says of it, with a key that is not in the database.
///
/// A row that somebody writes into the database, moves to another account or makes last longer has
/// no code that fits, and lets nobody in.
package struct CredentialCodes: Sendable {
  private static let domain = Array("chatelaine credential v1".utf8) + [0]

  private let key: SecretBytes

  /// - Parameter key: 32 bytes that no database holds.
  package init(key: SecretBytes) { self.key = key }

  package func code(of session: Session, tokenHash: [UInt8]) -> [UInt8] {
    code([
      Array("session".utf8), tokenHash, Self.octets(session.id),
      Self.octets(session.accountID.uuid), Self.octets(session.expireTime),
    ])
  }

  /// Also over what the token may be used for and what it ends with.
  ///
  /// - Parameter isOld: the hash is that of the secret from before the last rotation.
  package func code(of token: AccessToken, tokenHash: [UInt8], isOld: Bool = false) -> [UInt8] {
    let oldEnd = isOld ? token.oldSecretExpireTime : nil
    var fields: [[UInt8]] = [
      Array((isOld ? "old-access-token" : "access-token").utf8), tokenHash,
      Self.octets(token.id), Self.octets(token.accountID.uuid),
      token.expireTime.map { Self.octets($0) } ?? [], oldEnd.map { Self.octets($0) } ?? [],
      Array(token.scopes.text.utf8), token.parent.map { Self.octets($0.id) } ?? [],
    ]
    let limits = token.limits
    for list in [limits.providers, limits.labels, limits.models, limits.networks] {
      fields.append(Array("\(list.count)".utf8))
      for entry in list { fields.append(Array(entry.utf8)) }
    }
    return code(fields)
  }

  /// Also over what the link does, and for which address.
  package func code(of link: Link, tokenHash: [UInt8]) -> [UInt8] {
    code([
      Array("link".utf8), tokenHash, Array(link.purpose.rawValue.utf8),
      link.accountID.map { Self.octets($0.uuid) } ?? [], Array(link.email.key.utf8),
      Self.octets(link.expireTime),
    ])
  }

  /// What a recovery code is stored as: nobody who has not the key can make one, or find a code by
  /// trying, and it is of no use to another account.
  func hash(ofRecoveryCode code: String, of account: UserID) -> [UInt8] {
    self.code([Array("recovery-code".utf8), Self.octets(account.uuid), Array(code.utf8)])
  }

  /// Compares in constant time; a row without a code has none that fits.
  package func isRight(_ stored: [UInt8]?, _ expected: [UInt8]) -> Bool {
    stored.map { ConstantTime.equals($0, expected) } ?? false
  }

  /// Lengths go first, so that no two lists of fields have the same bytes.
  private func code(_ fields: [[UInt8]]) -> [UInt8] {
    let message = fields.reduce(into: Self.domain) { message, field in
      withUnsafeBytes(of: UInt32(truncatingIfNeeded: field.count).bigEndian) { message += $0 }
      message += field
    }
    return HMACSHA256.authenticationCode(for: message, key: key)
  }

  private static func octets(_ id: UUID) -> [UInt8] { withUnsafeBytes(of: id.uuid) { Array($0) } }

  /// Whole microseconds, as the database holds them.
  private static func octets(_ time: Date) -> [UInt8] {
    let microseconds = Int64(exactly: (time.timeIntervalSince1970 * 1_000_000).rounded()) ?? 0
    return withUnsafeBytes(of: microseconds.bigEndian) { Array($0) }
  }
}
