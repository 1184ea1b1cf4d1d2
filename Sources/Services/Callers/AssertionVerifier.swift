package import Cryptography
package import FoundationEssentials
package import Identity
import Protobuf
package import RPC
import ServiceAPI

/// Checks that `auth` vouched for a user, for this service and for now.
package struct AssertionVerifier: Sendable {
  /// How far the clocks of two machines may be apart.
  package static let clockSkewMax: Duration = .seconds(30)
  /// Larger assertions are not looked at.
  package static let assertionBytesMax = 4096

  private let keys: [String: Ed25519.VerifyingKey]
  private let audience: AssertionAudience
  private let now: @Sendable () -> Date
  let verified: VerifiedAssertions

  /// Accepts signatures of any of `publicKeys` (several while a key is being replaced) on
  /// assertions that name `audience`.
  package init(
    publicKeys: [Ed25519.VerifyingKey], audience: AssertionAudience,
    now: @escaping @Sendable () -> Date = { Date() }
  ) {
    verified = VerifiedAssertions()
    keys = Dictionary(publicKeys.map { ($0.keyID, $0) }, uniquingKeysWith: { first, _ in first })
    self.audience = audience
    self.now = now
  }

  /// Returns who the assertion is about. Its signature is verified the first time, its times are
  /// each time.
  package func verify(_ bytes: [UInt8]) throws(AssertionError) -> Caller {
    guard bytes.count <= Self.assertionBytesMax else { throw .malformed }
    let digest = SHA256Digest.hash(bytes)
    let assertion = try verified.assertion(digest) { () throws(AssertionError) in
      try verifyAnew(bytes)
    }
    do throws(AssertionError) {
      try checkTimes(from: assertion.issueTime, to: assertion.expireTime)
    } catch {
      verified.remove(digest)
      throw error
    }
    return assertion.caller
  }

  private func verifyAnew(_ bytes: [UInt8]) throws(AssertionError) -> VerifiedAssertion {
    guard let signed = try? IdentityAPI.SignedAssertion(unpacking: bytes)
    else { throw .malformed }
    guard let key = keys[signed.keyId] else { throw .unknownKey }
    guard
      key.isValidSignature(
        signed.signature, for: AssertionEncoding.signedBytes(signed.assertion))
    else { throw .badSignature }
    // Only bytes that `auth` signed are looked into.
    guard let assertion = try? IdentityAPI.Assertion(unpacking: signed.assertion),
      let issueTime = assertion.issueTime, let expireTime = assertion.expireTime,
      let userID = UserID(assertion.userId),
      let credential = Caller.Credential(kind: assertion.credential, id: assertion.credentialId)
    else { throw .malformed }
    let (issued, expires) = (issueTime.date, expireTime.date)
    // Of what is over nothing is kept.
    try checkTimes(from: issued, to: expires)
    guard assertion.audience.contains(audience.rawValue) else { throw .wrongAudience }
    return VerifiedAssertion(
      caller: Caller(
        userID: userID, email: assertion.email, credential: credential,
        scopes: scopes(of: assertion), role: Role(word: assertion.role),
        confirmTime: assertion.confirmTime?.date,
        limits: AccessLimits(providers: assertion.providers, labels: assertion.labels)),
      issueTime: issued, expireTime: expires)
  }

  /// An `auth` from before scopes says none of a token, and knew only tokens for use.
  private func scopes(of assertion: IdentityAPI.Assertion) -> Scopes {
    guard assertion.credential == .accessToken else { return Scopes([]) }
    return assertion.scope.isEmpty ? .standard : Scopes(text: assertion.scope)
  }

  private func checkTimes(from issued: Date, to expires: Date) throws(AssertionError) {
    let now = now()
    let skew = TimeInterval(Self.clockSkewMax.components.seconds)
    let lifetimeMax = TimeInterval(AssertionSigner.lifetimeMax.components.seconds)
    guard expires >= issued, expires.timeIntervalSince(issued) <= lifetimeMax else {
      throw .malformed
    }
    guard now < expires.addingTimeInterval(skew) else { throw .expired }
    guard now > issued.addingTimeInterval(-skew) else { throw .notYetValid }
  }
}

/// Why an assertion was refused: told to the operator's log, never to the caller.
package enum AssertionError: Error, Hashable, CaseIterable {
  case malformed
  case unknownKey
  case badSignature
  case expired
  case notYetValid
  case wrongAudience
}

extension AssertionError: RPCErrorConvertible {
  package var rpcError: RPCError {
    RPCError(.unauthenticated, "the assertion is not valid", detail: "assertion: \(self)")
  }
}

/// The public keys by which a service knows `auth`.
package enum AssertionKeys {
  /// More than one only while a key is being replaced.
  package static let countMax = 16
  /// The setting of every service that has users, and what `.env.example` says of it.
  package static let variable = "ASSERTION_PUBLIC_KEYS"
  package static let doc =
    "PEM public keys of auth's assertions; several while a key is being replaced."

  /// Why text is not a list of public keys.
  package enum Problem: Error, Hashable, CustomStringConvertible {
    case none
    case tooMany
    case malformed(number: Int)

    package var description: String {
      switch self {
      case .none: "holds no PEM block of an Ed25519 public key"
      case .tooMany: "holds more than \(countMax) keys"
      case .malformed(let number): "PEM block \(number) is not an Ed25519 public key"
      }
    }
  }

  /// Reads PEM blocks one after the other; text between them is ignored.
  package static func parse(_ pem: String) throws(Problem) -> [Ed25519.VerifyingKey] {
    let end = "-----END PUBLIC KEY-----"
    var keys: [Ed25519.VerifyingKey] = []
    var rest = Substring(pem)
    while let start = rest.firstRange(of: "-----BEGIN ") {
      guard keys.count < countMax else { throw .tooMany }
      guard let stop = rest[start.lowerBound...].firstRange(of: end),
        let key = try? Ed25519.VerifyingKey(
          pem: rest[start.lowerBound..<stop.upperBound] + "\n")
      else { throw .malformed(number: keys.count + 1) }
      keys.append(key)
      rest = rest[stop.upperBound...]
    }
    guard !keys.isEmpty else { throw .none }
    return keys
  }
}
