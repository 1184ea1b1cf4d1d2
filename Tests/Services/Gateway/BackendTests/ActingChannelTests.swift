import Callers
import Cryptography
import Foundation
import Identity
import NIOCore
import RPC
import ServiceAPI
import Synchronization
import Testing

@testable import Backend

/// What the gateway shows to a service of what it holds of a visitor.
@Suite struct ActingChannelTests {
  /// Remembers what came; refuses the first calls.
  private final class Service: RPCChannel {
    private let state: Mutex<(seen: [Metadata], refusalsLeft: Int)>
    var seen: [Metadata] { state.withLock { $0.seen } }

    init(refusals: Int = 0) { state = Mutex(([], refusals)) }

    func unary(
      _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
    ) async throws(RPCError) -> UnaryResponse {
      let isRefused = state.withLock { state in
        state.seen.append(options.metadata)
        guard state.refusalsLeft > 0 else { return false }
        state.refusalsLeft -= 1
        return true
      }
      if isRefused { throw RPCError(.unauthenticated, "the assertion is not valid") }
      return UnaryResponse(message: ByteBuffer())
    }

    func stream<Outcome: Sendable>(
      _ method: MethodDescriptor, options: CallOptions,
      _ body: (any ClientStream) async throws -> Outcome
    ) async throws -> Outcome {
      throw RPCError(.unimplemented, "no test streams")
    }
  }

  private static let token = "chs_0123456789"

  /// An answer of `auth` with the purposes spelt out in place of signatures.
  private static func answer(_ purposes: [AssertionPurpose]) -> Assertions {
    Assertions(
      AuthAPI.AuthenticateResponse(
        assertions: purposes.map {
          AuthAPI.PurposeAssertion(
            purpose: .init(audience: $0.audience.rawValue, methods: $0.methods.rawValue),
            assertion: bytes($0))
        }))
  }

  private static func bytes(_ purpose: AssertionPurpose) -> [UInt8] {
    Array("\(purpose.audience) \(purpose.methods)".utf8)
  }

  private func call(
    _ method: MethodDescriptor, over service: Service,
    holding assertions: Assertions = answer(AssertionPurpose.reading)
  ) async throws(RPCError) {
    let credentials = VisitorCredentials(
      .session(SecretBytes(utf8: Self.token)), assertions
    ) { purposes throws(RPCError) in
      Self.answer(purposes)
    }
    _ = try await ActingChannel(base: service).unary(
      method, request: ByteBuffer(),
      options: .acting(with: credentials, origin: CallOrigin(requestID: "r")))
  }

  @Test func eachServiceSeesTheAssertionForIt() async throws {
    let methods = [
      (VaultAPI.VaultMethods.listProviderConfigs, "vault read"),
      (AuditAPI.AuditMethods.listEvents, "audit read"),
      (AuthAPI.AuthMethods.listSessions, "auth read"),
      // Nobody foresaw these: they are asked for.
      (VaultAPI.VaultMethods.resolveCredential, "vault use"),
      (VaultAPI.VaultMethods.deleteProviderConfig, "vault manage"),
    ]
    for (method, expected) in methods {
      let service = Service()
      try await call(method, over: service)
      let seen = try #require(service.seen.first)
      #expect(service.seen.count == 1)
      #expect(seen.bytes(CallMetadata.assertion) == Array(expected.utf8))
      #expect(seen.bytes(CallMetadata.credential) == nil)
      #expect(seen[CallMetadata.requestID] == "r")
    }
  }

  @Test func whatChangesInAuthBringsTheCredentialAndNoAssertion() async throws {
    for method in [
      AuthAPI.AuthMethods.createAccessToken, AuthAPI.AuthMethods.changePassword,
      AuthAPI.AuthMethods.reportForgery, AuthAPI.AuthMethods.deleteCurrentSession,
    ] {
      let service = Service()
      try await call(method, over: service)
      let seen = try #require(service.seen.first)
      #expect(seen.bytes(CallMetadata.credential) == Array(Self.token.utf8))
      #expect(seen.bytes(CallMetadata.assertion) == nil)
    }
  }

  @Test func aRefusedAssertionIsReplacedOnce() async throws {
    let service = Service(refusals: 1)
    try await call(VaultAPI.VaultMethods.listProviderConfigs, over: service)
    #expect(service.seen.count == 2)
    let stubborn = Service(refusals: 5)
    let error = await #expect(throws: RPCError.self) {
      try await call(VaultAPI.VaultMethods.listProviderConfigs, over: stubborn)
    }
    #expect(error?.code == .unauthenticated)
    #expect(stubborn.seen.count == 2)
  }

  /// A refused credential is over, however often it is shown; what it did must not be done twice.
  @Test func aRefusedCredentialIsNotShownAgain() async throws {
    let service = Service(refusals: 1)
    await #expect(throws: RPCError.self) {
      try await call(AuthAPI.AuthMethods.createAccessToken, over: service)
    }
    #expect(service.seen.count == 1)
  }

  @Test func anAuthFromBeforeIsShownWhatItKnows() async throws {
    let held = Assertions(AuthAPI.AuthenticateResponse(assertion: [9]))
    for method in [
      VaultAPI.VaultMethods.deleteProviderConfig, AuthAPI.AuthMethods.createAccessToken,
    ] {
      let service = Service()
      try await call(method, over: service, holding: held)
      #expect(service.seen.first?.bytes(CallMetadata.assertion) == [9])
    }
  }
}
