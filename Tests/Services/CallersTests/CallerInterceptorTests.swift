import Cryptography
import Foundation
import Identity
import RPC
import Testing

@testable import Callers

@Suite struct CallerInterceptorTests {
  private let signer: AssertionSigner
  private let caller = Caller(
    userID: UserID(UUID()), email: "ann@example.com", credential: .session(UUID()))
  private let origin = CallOrigin(
    ipAddress: "192.0.2.7", userAgent: "Zürich/1.0", requestID: "request-1")

  init() throws { signer = AssertionSigner(key: try .generate()) }

  /// What a handler would see.
  private func context(
    _ options: CallOptions, from identity: String = PeerIdentity.gateway
  ) throws -> ServerContext {
    let interceptor = CallerInterceptor(
      AssertionVerifier(publicKeys: [signer.verifyingKey], audience: .vault))
    let context = ServerContext(
      method: MethodDescriptor(service: "s", method: "m", shape: .unary),
      metadata: options.metadata, deadline: nil,
      peer: Peer(address: "192.0.2.1:1", identities: [identity]))
    try interceptor.callBegins(context)
    return context
  }

  private func assertion() throws -> [UInt8] {
    try signer.sign(caller, audience: [.vault], lifetime: .seconds(60)).bytes
  }

  @Test func theHandlerSeesWhoAndFromWhere() throws {
    let context = try context(.acting(with: assertion(), origin: origin))
    #expect(try context.caller() == caller)
    #expect(context.origin == origin)
  }

  @Test func withoutAnAssertionThereIsNoCaller() throws {
    let context = try context(.acting(with: nil, origin: origin))
    #expect(throws: RPCError.self) { try context.caller() }
    #expect(context.origin == origin)
  }

  @Test func aBadAssertionStopsTheCall() throws {
    var bytes = try assertion()
    bytes[bytes.count - 1] ^= 1
    #expect(throws: AssertionError.self) {
      try context(.acting(with: bytes, origin: origin))
    }
  }

  @Test func onlyTheGatewayAndOperatorsAreBelievedAboutTheOrigin() throws {
    let options = CallOptions.acting(with: nil, origin: origin)
    #expect(try context(options, from: PeerIdentity.operator).origin == origin)
    #expect(try context(options, from: PeerIdentity.vault).origin == CallOrigin())
    #expect(try context(options, from: "spiffe://elsewhere/gateway").origin == CallOrigin())
  }

  @Test func anOversizedOriginIsCut() throws {
    let agent = String(repeating: "é", count: 400) + "\n"
    let options = CallOptions.acting(
      with: nil,
      origin: CallOrigin(
        ipAddress: String(repeating: "1", count: 200), userAgent: agent, requestID: "a\u{0}b"))
    let seen = try context(options).origin
    #expect(seen.ipAddress.isEmpty)
    #expect(seen.userAgent == String(repeating: "é", count: 256))
    #expect(seen.requestID.isEmpty)
  }

  @Test func controlCharactersDoNotReachReceipts() throws {
    let options = CallOptions.acting(
      with: nil, origin: CallOrigin(userAgent: "a\u{0}b\r\nc\u{9B}d"))
    #expect(try context(options).origin.userAgent == "abcd")
  }

  /// U+202E would turn around what stands behind it in the log, U+0600 hides what it is joined
  /// with.
  @Test func invisibleCharactersDoNotReachReceipts() throws {
    let options = CallOptions.acting(
      with: nil,
      origin: CallOrigin(userAgent: "a\u{202E}b\u{2066}c\u{600}d\u{200D}e\u{2028}f\u{FEFF}é"))
    #expect(try context(options).origin.userAgent == "abcdefé")
  }
}
