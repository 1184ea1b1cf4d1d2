import Cryptography
import Foundation
import Identity
import Protobuf
import RPC
import ServiceAPI
import Synchronization
import Testing

@testable import Callers

@Suite struct AssertionTests {
  private let signer: AssertionSigner
  private let now = Date(timeIntervalSince1970: 1_800_000_000)
  private let ann = Caller(
    userID: UserID(UUID()), email: "ann@example.com", credential: .session(UUID()))
  private let eve = Caller(
    userID: UserID(UUID()), email: "eve@example.com", credential: .accessToken(UUID()),
    scopes: .standard)

  init() throws { signer = AssertionSigner(key: try .generate()) }

  private func sign(
    _ caller: Caller, audience: Set<AssertionAudience> = [.vault, .audit],
    lifetime: Duration = .seconds(60)
  ) throws -> [UInt8] {
    try signer.sign(caller, audience: audience, lifetime: lifetime, at: now).bytes
  }

  private func verifier(
    _ keys: [Ed25519.VerifyingKey]? = nil, after seconds: TimeInterval = 0
  ) -> AssertionVerifier {
    let time = now.addingTimeInterval(seconds)
    return AssertionVerifier(
      publicKeys: keys ?? [signer.verifyingKey], audience: .vault, now: { time })
  }

  @Test func aSignedCallerIsTheVerifiedCaller() throws {
    let callers = [
      ann, eve, Caller(userID: ann.userID, email: ann.email, credential: .operator),
      Caller(
        userID: eve.userID, email: eve.email, credential: eve.credential,
        scopes: Scopes([.manage, .readAudit])),
    ]
    for caller in callers {
      #expect(try verifier().verify(sign(caller)).caller == caller)
    }
  }

  @Test func aTokenOfAnAuthThatKnowsNoScopesIsForUse() throws {
    let older = Caller(userID: eve.userID, email: eve.email, credential: eve.credential)
    #expect(try verifier().verify(sign(older)).caller.scopes == .standard)
  }

  @Test func anAssertionIsValidForItsLifetimeAndTheClocksSkew() throws {
    let bytes = try sign(ann)
    #expect(throws: Never.self) { try verifier(after: 89).verify(bytes) }
    #expect(throws: AssertionError.expired) { try verifier(after: 90).verify(bytes) }
    #expect(throws: Never.self) { try verifier(after: -29).verify(bytes) }
    #expect(throws: AssertionError.notYetValid) { try verifier(after: -30).verify(bytes) }
  }

  @Test func aLifetimeBeyondTheLimitIsRefused() throws {
    let bytes = try sign(ann, lifetime: AssertionSigner.lifetimeMax + .seconds(1))
    #expect(throws: AssertionError.malformed) { try verifier().verify(bytes) }
  }

  @Test func anotherServicesAssertionIsRefused() throws {
    let bytes = try sign(ann, audience: [.auth, .audit])
    #expect(throws: AssertionError.wrongAudience) { try verifier().verify(bytes) }
  }

  @Test func anotherKeysSignatureIsRefused() throws {
    let other = try Ed25519.SigningKey.generate().verifyingKey
    #expect(throws: AssertionError.unknownKey) { try verifier([other]).verify(sign(ann)) }
    #expect(throws: AssertionError.unknownKey) { try verifier([]).verify(sign(ann)) }
  }

  @Test func bothKeysAreAcceptedWhileOneIsReplaced() throws {
    let other = try Ed25519.SigningKey.generate().verifyingKey
    #expect(try verifier([other, signer.verifyingKey]).verify(sign(ann)).caller == ann)
  }

  @Test func aSignatureCannotBeReplayedForAnotherUser() throws {
    let anns = try IdentityAPI.SignedAssertion(unpacking: sign(ann))
    let eves = try IdentityAPI.SignedAssertion(unpacking: sign(eve))
    let spliced = IdentityAPI.SignedAssertion(
      keyId: eves.keyId, assertion: anns.assertion, signature: eves.signature)
    #expect(throws: AssertionError.badSignature) { try verifier().verify(spliced.packed()) }
  }

  @Test func aSignatureOverAnythingElseIsRefused() throws {
    let key = try Ed25519.SigningKey.generate()
    let assertion = try IdentityAPI.SignedAssertion(unpacking: sign(ann)).assertion
    // Without the domain in front.
    let forged = IdentityAPI.SignedAssertion(
      keyId: key.verifyingKey.keyID, assertion: assertion, signature: try key.sign(assertion))
    #expect(throws: AssertionError.badSignature) {
      try verifier([key.verifyingKey]).verify(forged.packed())
    }
  }

  @Test func whatALaterAuthAlsoSignsIsNoHindrance() throws {
    let key = try Ed25519.SigningKey.generate()
    let known = try IdentityAPI.SignedAssertion(unpacking: sign(ann)).assertion
    // Text in field 1001.
    let more = known + [0xCA, 0x3E, 3] + Array("new".utf8)
    let signed = IdentityAPI.SignedAssertion(
      keyId: key.verifyingKey.keyID, assertion: more,
      signature: try key.sign(AssertionEncoding.signedBytes(more)))
    #expect(
      try verifier([key.verifyingKey]).verify(signed.packed() + [0xCA, 0x3E, 0]).caller == ann)
  }

  @Test func noBitCanBeChanged() throws {
    let bytes = try sign(ann)
    for index in bytes.indices {
      var tampered = bytes
      tampered[index] ^= 1
      #expect(throws: AssertionError.self) { try verifier().verify(tampered) }
    }
    for length in [0, 1, bytes.count - 1] {
      #expect(throws: AssertionError.self) { try verifier().verify(Array(bytes.prefix(length))) }
    }
  }

  @Test func whatWasVerifiedIsVerifiedOnceAndStillEnds() throws {
    let time = Mutex(now)
    let verifier = AssertionVerifier(
      publicKeys: [signer.verifyingKey], audience: .vault, now: { time.withLock { $0 } })
    let bytes = try sign(ann)
    for _ in 1...3 { #expect(try verifier.verify(bytes).caller == ann) }
    #expect(verifier.verified.count == 1)
    // Held or not, other bytes are another assertion.
    var tampered = bytes
    tampered[bytes.count - 1] ^= 1
    #expect(throws: AssertionError.self) { try verifier.verify(tampered) }

    time.withLock { $0 += 90 }
    #expect(throws: AssertionError.expired) { try verifier.verify(bytes) }
    #expect(verifier.verified.count == 0)
    #expect(throws: AssertionError.expired) { try verifier.verify(bytes) }
  }

  @Test func whatIsRefusedIsNotHeldAndWhatIsHeldIsBounded() throws {
    let verifier = verifier()
    let elsewhere = try sign(ann, audience: [.audit])
    #expect(throws: AssertionError.wrongAudience) { try verifier.verify(elsewhere) }
    #expect(throws: AssertionError.wrongAudience) { try verifier.verify(elsewhere) }
    #expect(verifier.verified.count == 0)

    let held = VerifiedAssertions(countMax: 8)
    for number in 0..<100 {
      let kept = try held.assertion([UInt8(number)]) { () throws(AssertionError) in
        VerifiedAssertion(
          caller: ann, methods: nil, holder: nil, issueTime: now, expireTime: now)
      }
      #expect(kept.caller == ann)
      // In use again and again: stays.
      _ = try held.assertion([0]) { () throws(AssertionError) in throw .malformed }
    }
    #expect(held.count <= 8)
  }

  @Test func twoAssertionsNeverHaveTheSameBytes() throws {
    #expect(try sign(ann) != sign(ann))
  }

  @Test func everyRefusalLooksTheSameToTheCaller() {
    for error in AssertionError.allCases {
      #expect(error.rpcError.code == .unauthenticated)
      #expect(error.rpcError.message == "the assertion is not valid")
    }
  }
}
