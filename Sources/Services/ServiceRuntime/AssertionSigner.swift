package import Cryptography
package import FoundationEssentials
package import Identity
internal import Protobuf
internal import ServiceAPI

/// Signs statements that a user presented a valid credential; only `auth` holds the key.
package struct AssertionSigner: Sendable {
  /// Longest lifetime that a verifier accepts.
  package static let lifetimeMax: Duration = .seconds(300)
  static let nonceBytes = 16

  private let key: Ed25519.SigningKey

  package init(key: Ed25519.SigningKey) {
    self.key = key
  }

  /// What `auth` itself and tests verify with.
  package var verifyingKey: Ed25519.VerifyingKey { key.verifyingKey }

  /// Signs that `caller` was authenticated at `now`, for the services of `audience`.
  ///
  /// Throws `CryptographyError` when there is no randomness or OpenSSL fails.
  package func sign(
    _ caller: Caller, audience: Set<AssertionAudience>, lifetime: Duration, at now: Date = Date()
  ) throws(CryptographyError) -> SignedAssertion {
    // Whole seconds: what the caller is told and what is signed are the same moment.
    let issued = Date(timeIntervalSince1970: now.timeIntervalSince1970.rounded(.down))
    let expires = issued.addingTimeInterval(TimeInterval(lifetime.components.seconds))
    let assertion = IdentityAPI.Assertion(
      userId: caller.userID.text, credential: caller.credential.wireKind,
      credentialId: caller.credential.wireID, email: caller.email,
      audience: audience.map(\.rawValue).sorted(), issueTime: Timestamp(issued),
      expireTime: Timestamp(expires), nonce: try SecureRandom.bytes(Self.nonceBytes),
      scope: caller.scopes.text)
    let packed = assertion.packed()
    let signed = IdentityAPI.SignedAssertion(
      keyId: key.verifyingKey.keyID, assertion: packed,
      signature: try key.sign(AssertionEncoding.signedBytes(packed)))
    return SignedAssertion(bytes: signed.packed(), expireTime: expires)
  }
}
