import Cryptography
import Foundation
import Identity
import RPC
import ServiceAPI
import Testing

@testable import Callers

/// For whom, for what and with which certificate an assertion counts.
@Suite struct AssertionBindingTests {
  private static let certificate = [UInt8](repeating: 1, count: 32)
  private static let gateway = Peer(
    address: "192.0.2.1:1", identities: [PeerIdentity.gateway], certificateDigest: certificate)

  private let signer: AssertionSigner
  private let caller = Caller(
    userID: UserID(UUID()), email: "ann@example.com", credential: .session(UUID()))

  init() throws { signer = AssertionSigner(key: try .generate()) }

  private func sign(
    _ methods: MethodClass? = .read,
    holder: AssertionHolder? = AssertionHolder(
      peer: PeerIdentity.gateway, certificates: [certificate])
  ) throws -> [UInt8] {
    try signer.sign(
      caller, audience: [.vault], methods: methods, holder: holder, lifetime: .seconds(60)
    ).bytes
  }

  private func verify(
    _ bytes: [UInt8], for methods: MethodClass = .read, from peer: Peer = gateway
  ) throws(AssertionError) -> Caller {
    let verifier = AssertionVerifier(publicKeys: [signer.verifyingKey], audience: .vault)
    return try verifier.verify(bytes, for: methods, from: peer)
  }

  @Test func anAssertionCountsForItsClassOfMethodsOnly() throws {
    for signed in MethodClass.allCases {
      let bytes = try sign(signed)
      for called in MethodClass.allCases {
        if signed == called {
          #expect(try verify(bytes, for: called) == caller)
        } else {
          #expect(throws: AssertionError.wrongMethods) { try verify(bytes, for: called) }
        }
      }
    }
  }

  @Test func anotherPeerCannotBringIt() throws {
    let bytes = try sign()
    for identity in [PeerIdentity.vault, PeerIdentity.gateway + "/2", PeerIdentity.operator] {
      let peer = Peer(
        address: "192.0.2.1:1", identities: [identity], certificateDigest: Self.certificate)
      #expect(throws: AssertionError.wrongPeer) { try verify(bytes, from: peer) }
    }
    #expect(throws: AssertionError.wrongPeer) {
      try verify(bytes, from: Peer(address: "192.0.2.1:1"))
    }
  }

  @Test func anotherCertificateOfTheSamePeerIsNotEnough() throws {
    let renewed = [UInt8](repeating: 2, count: 32)
    let peer = Peer(
      address: "192.0.2.1:1", identities: [PeerIdentity.gateway], certificateDigest: renewed)
    #expect(throws: AssertionError.wrongPeer) { try verify(sign(), from: peer) }
    // While certificates are renewed, those are named that connections show.
    let both = AssertionHolder(
      peer: PeerIdentity.gateway, certificates: [Self.certificate, renewed])
    #expect(try verify(sign(holder: both), from: peer) == caller)
    #expect(try verify(sign(holder: both)) == caller)
  }

  @Test func oneOfAnAuthFromBeforeCountsForAll() throws {
    let bytes = try sign(nil, holder: nil)
    for methods in MethodClass.allCases {
      #expect(try verify(bytes, for: methods) == caller)
    }
  }

  /// Whoever calls without TLS has no certificate to bind to.
  @Test func aHolderWithoutCertificatesIsKnownByName() throws {
    let bytes = try sign(holder: AssertionHolder(peer: PeerIdentity.gateway, certificates: []))
    #expect(try verify(bytes) == caller)
    #expect(throws: AssertionError.wrongPeer) {
      try verify(bytes, from: Peer(address: "test", identities: [PeerIdentity.vault]))
    }
  }

  /// What is held of an assertion is asked at each use, not only when it was first seen.
  @Test func whatWasVerifiedForOneIsNotLentToAnother() throws {
    let verifier = AssertionVerifier(publicKeys: [signer.verifyingKey], audience: .vault)
    let bytes = try sign()
    #expect(try verifier.verify(bytes, for: .read, from: Self.gateway) == caller)
    #expect(throws: AssertionError.wrongMethods) {
      try verifier.verify(bytes, for: .use, from: Self.gateway)
    }
    #expect(throws: AssertionError.wrongPeer) {
      try verifier.verify(
        bytes, for: .read, from: Peer(address: "test", identities: [PeerIdentity.audit]))
    }
  }

  /// A method of a new name counts as one that changes something: its class has to be thought of
  /// before anybody can call it with an assertion for reading.
  @Test func everyMethodHasTheClassThatItsNameSays() {
    let reading = ["Get", "List", "Count", "Export", "Watch", "Search", "Prove"]
    let opening = [VaultAPI.VaultMethods.resolveCredential, VaultAPI.VaultMethods.resolveForTest]
    for method in VaultAPI.VaultMethods.all + AuthAPI.AuthMethods.all + AuditAPI.AuditMethods.all {
      let methods = MethodClass(methodName: method.method)
      #expect((methods == .use) == opening.contains(method), "\(method.path)")
      if methods == .read { #expect(reading.contains { method.method.hasPrefix($0) }) }
      #expect(AssertionAudience(serviceName: method.service) != nil)
    }
    #expect(MethodClass(methodName: "Frobnicate") == .manage)
    #expect(MethodClass(methodName: "") == .manage)
    #expect(AssertionAudience(serviceName: "grpc.health.v1.Health") == nil)
  }
}
