import Cryptography
import Encodings
import FoundationEssentials
import Identity

/// Authenticator apps and recovery codes: their secrets, and which codes are right.
package struct SecondFactors: Sendable {
  /// Recovery codes of an account.
  package static let recoveryCodesMax = 10
  private static let recoveryCodeBytes = 10
  private static let recoveryCodeDigits = 16
  /// Longer input is no code.
  private static let codeBytesMax = 64
  private static let domain = Array("chatelaine authenticator v1".utf8) + [0]

  let store: any AccountStore
  private let key: SecretBytes
  private let codes: CredentialCodes

  /// - Parameter keys: no database holds them; secrets are sealed and recovery codes hashed with
  ///   them.
  package init(store: any AccountStore, keys: AccountKeys) {
    self.store = store
    key = keys.factors
    codes = keys.codes
  }

  /// A new secret, and what of it is stored.
  func generate(for account: UserID) throws(AuthError) -> (secret: SecretBytes, sealed: [UInt8]) {
    do {
      let secret = try SecretBytes.random(count: OneTimePassword.secretBytes)
      let box = try AES256GCM.seal(secret, key: key, associatedData: Self.place(of: account))
      return (secret, box.combined)
    } catch {
      throw .engine(detail: "authenticator: \(error)")
    }
  }

  /// The step whose code this is; nil for a wrong one. Doesn't use it up.
  func step(
    of code: String, _ stored: StoredAuthenticator, account: UserID, at now: Date
  ) throws(AuthError) -> Int64? {
    let secret: SecretBytes
    do {
      secret = try AES256GCM.open(
        SealedBox(combined: stored.sealedSecret), key: key,
        associatedData: Self.place(of: account))
    } catch {
      throw .engine(detail: "authenticator of \(account.text): \(error)")
    }
    return OneTimePassword.step(
      of: Self.compact(code), secret: secret,
      at: Int64(exactly: now.timeIntervalSince1970.rounded(.down)) ?? 0)
  }

  /// Whether a code of the app or a recovery code is right; it is used up then, and of parallel
  /// tries one is told so.
  func use(_ code: String, of account: UserID, at now: Date) async throws(AuthError) -> Bool {
    let compact = Self.compact(code)
    if compact.utf8.count == OneTimePassword.digitCount {
      guard let stored = try await store.authenticator(of: account), stored.enableTime != nil,
        let step = try step(of: compact, stored, account: account, at: now)
      else { return false }
      return try await store.useStep(step, of: account)
    }
    guard compact.utf8.count == Self.recoveryCodeDigits else { return false }
    return try await store.useRecoveryCode(
      hash: codes.hash(ofRecoveryCode: compact, of: account), of: account)
  }

  /// New recovery codes, as people write them down, and their hashes.
  func recoveryCodes(
    for account: UserID
  ) throws(AuthError) -> (codes: [String], hashes: [[UInt8]]) {
    do {
      let plain = try (0..<Self.recoveryCodesMax).map { _ in
        try SecretBytes.random(count: Self.recoveryCodeBytes)
          .withUnsafeBytes { Base32.encode($0) }
      }
      let grouped = plain.map { code in
        stride(from: 0, to: Self.recoveryCodeDigits, by: 4).map { start in
          String(Substring(code.utf8.dropFirst(start).prefix(4)))
        }.joined(separator: "-")
      }
      return (grouped, plain.map { codes.hash(ofRecoveryCode: $0, of: account) })
    } catch {
      throw .engine(detail: "recovery codes: \(error)")
    }
  }

  /// Without blanks and dashes, in upper case: people type codes as they like.
  private static func compact(_ code: String) -> String {
    guard code.utf8.count <= codeBytesMax else { return "" }
    let kept = code.utf8.filter { $0.isASCIILetter || $0.isASCIIDigit }
    return String(decoding: kept, as: UTF8.self).uppercased()
  }

  /// Keeps a sealed secret from being another account's.
  private static func place(of account: UserID) -> [UInt8] { domain + Array(account.text.utf8) }
}
