package import Cryptography
package import FoundationEssentials
package import Identity
import Protobuf
import ServiceAPI

/// Signs statements that a user presented a valid credential; only `auth` holds the key.
package struct AssertionSigner: Sendable {
  /// Longest lifetime that a verifier accepts.
  package static let lifetimeMax: Duration = .seconds(60)
  static let nonceBytes = 16

  private let keys: SigningKeys

  package init(keys: SigningKeys) { self.keys = keys }

  package init(key: Ed25519.SigningKey) { self.init(keys: SigningKeys([key])) }

  /// What tests verify with.
  package var verifyingKey: Ed25519.VerifyingKey { keys.current.verifyingKey }

  /// Signs that `caller` was authenticated at `now`, for the services of `audience`.
  ///
  /// - Parameters:
  ///   - methods: nil for all, as callers from before there were purposes need it.
  ///   - holder: who may bring it; nil for anybody.
  /// - Throws: `CryptographyError` when there is no randomness or OpenSSL fails.
  package func sign(
    _ caller: Caller, audience: Set<AssertionAudience>, methods: MethodClass? = nil,
    holder: AssertionHolder? = nil, lifetime: Duration, at now: Date = Date()
  ) throws(CryptographyError) -> SignedAssertion {
    // Whole seconds: what the caller is told and what is signed are the same moment.
    let issued = Date(timeIntervalSince1970: now.timeIntervalSince1970.rounded(.down))
    let expires = issued.addingTimeInterval(TimeInterval(lifetime.components.seconds))
    let assertion = IdentityAPI.Assertion(
      userId: caller.userID.text, credential: caller.credential.wireKind,
      credentialId: caller.credential.wireID, email: caller.email,
      audience: audience.map(\.rawValue).sorted(), issueTime: Timestamp(issued),
      expireTime: Timestamp(expires), nonce: try SecureRandom.bytes(Self.nonceBytes),
      scope: caller.scopes.text, role: caller.role == .user ? "" : caller.role.rawValue,
      confirmTime: caller.confirmTime.map { Timestamp($0) }, methods: methods?.rawValue ?? "",
      peer: holder?.peer ?? "", peerCertificates: holder?.certificates ?? [],
      providers: caller.limits.providers, labels: caller.limits.labels)
    let packed = assertion.packed()
    let key = keys.current
    let signed = IdentityAPI.SignedAssertion(
      keyId: key.verifyingKey.keyID, assertion: packed,
      signature: try key.sign(AssertionEncoding.signedBytes(packed)))
    return SignedAssertion(bytes: signed.packed(), expireTime: expires)
  }
}

/// An assertion ready for the metadata `chatelaine-assertion-bin`.
package struct SignedAssertion: Sendable, Hashable {
  /// A packed chatelaine.identity.v1.SignedAssertion. Whoever holds it acts for the user until it
  /// expires.
  package let bytes: [UInt8]
  package let expireTime: Date
}

extension SignedAssertion: CustomStringConvertible {
  package var description: String { "assertion until \(expireTime)" }
}

/// What signer and verifier must agree on.
enum AssertionEncoding {
  /// Keeps a signature over an assertion from being one over anything else.
  private static let domain = Array("chatelaine assertion v1".utf8) + [0]

  static func signedBytes(_ assertion: [UInt8]) -> [UInt8] { domain + assertion }
}

extension Caller.Credential {
  var wireKind: IdentityAPI.Assertion.Credential {
    switch self {
    case .session: .session
    case .accessToken: .accessToken
    case .operator: .operator
    }
  }

  var wireID: String {
    switch self {
    case .session(let id), .accessToken(let id): id.text
    case .operator: ""
    }
  }

  /// Nil for a kind or id that no signer writes.
  init?(kind: IdentityAPI.Assertion.Credential, id: String) {
    switch (kind, UUID(uuidString: id)) {
    case (.session, let id?): self = .session(id)
    case (.accessToken, let id?): self = .accessToken(id)
    case (.operator, nil) where id.isEmpty: self = .operator
    default: return nil
    }
  }
}
