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

  private let keys: VerifyingKeys
  private let audience: AssertionAudience
  private let now: @Sendable () -> Date
  let verified: VerifiedAssertions

  /// Accepts signatures of any of `publicKeys` (several while a key is being replaced) on
  /// assertions that name `audience`.
  package init(
    publicKeys: [Ed25519.VerifyingKey], audience: AssertionAudience,
    now: @escaping @Sendable () -> Date = { Date() }
  ) {
    self.init(keys: VerifyingKeys(publicKeys), audience: audience, now: now)
  }

  /// Accepts what `keys` verify at that moment.
  package init(
    keys: VerifyingKeys, audience: AssertionAudience,
    now: @escaping @Sendable () -> Date = { Date() }
  ) {
    verified = VerifiedAssertions()
    self.keys = keys
    self.audience = audience
    self.now = now
  }

  /// Returns who the assertion is about that `peer` brings to a method of this class. Its signature
  /// is verified the first time; its times and whose it is are each time.
  package func verify(
    _ bytes: [UInt8], for methods: MethodClass, from peer: Peer
  ) throws(AssertionError) -> Caller {
    let assertion = try verify(bytes)
    guard assertion.methods.map({ $0 == methods }) ?? true else { throw .wrongMethods }
    guard assertion.holder.map({ $0.is(peer) }) ?? true else { throw .wrongPeer }
    return assertion.caller
  }

  /// What stands in an assertion of `auth` for this service, whoever brings it.
  func verify(_ bytes: [UInt8]) throws(AssertionError) -> VerifiedAssertion {
    guard bytes.count <= Self.assertionBytesMax else { throw .malformed }
    let digest = SHA256Digest.hash(bytes)
    let assertion = try verified.assertion(digest, keysVersion: keys.version) {
      () throws(AssertionError) in
      try verifyAnew(bytes)
    }
    do throws(AssertionError) {
      try checkTimes(from: assertion.issueTime, to: assertion.expireTime)
    } catch {
      verified.remove(digest)
      throw error
    }
    return assertion
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
    let methods = MethodClass(rawValue: assertion.methods)
    // A class that a newer `auth` knows is none of this service's methods.
    guard methods != nil || assertion.methods.isEmpty else { throw .wrongMethods }
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
      methods: methods,
      holder: assertion.peer.isEmpty
        ? nil
        : AssertionHolder(peer: assertion.peer, certificates: assertion.peerCertificates),
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
  /// For another class of methods.
  case wrongMethods
  /// Another peer's, or brought with a certificate that it isn't bound to.
  case wrongPeer
}

extension AssertionHolder {
  /// Whether this is who is at the other end of the connection.
  fileprivate func `is`(_ peer: Peer) -> Bool {
    peer.identities.contains(self.peer)
      && (certificates.isEmpty || certificates.contains(peer.certificateDigest))
  }
}

extension AssertionError: RPCErrorConvertible {
  package var rpcError: RPCError {
    RPCError(.unauthenticated, "the assertion is not valid", detail: "assertion: \(self)")
  }
}
