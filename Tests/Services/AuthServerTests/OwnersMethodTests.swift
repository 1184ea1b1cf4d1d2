import Callers
import Cryptography
import Identity
import RPC
import ServiceAPI
import Testing

@testable import Auth
@testable import AuthServer

/// What changes something in `auth` needs the credential itself.
@Suite struct OwnersMethodTests {
  private static let manager = AuthAPI.CreateAccessTokenRequest(
    name: "mine", scopes: [.manage, .use])

  private func assertions(
    _ bench: AuthBench, _ token: String, _ purposes: [AssertionPurpose]
  ) async throws -> [AuthAPI.PurposeAssertion] {
    try await bench.gateway.authenticate(
      AuthAPI.AuthenticateRequest(
        credential: .sessionToken(token),
        purposes: purposes.map {
          .init(audience: $0.audience.rawValue, methods: $0.methods.rawValue)
        }), options: bench.nobody
    ).assertions
  }

  private func showing(_ credential: String) throws -> CallOptions {
    var options = CallOptions.acting(with: nil, origin: AuthBench.origin)
    try options.metadata.append(Array(credential.utf8), forKey: CallMetadata.credential)
    return options
  }

  @Test func anAssertionForReadingReadsAndNothingElse() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    try await bench.signUp(email)
    let (token, _) = try await bench.logIn(email)
    let signed = try #require(
      try await assertions(bench, token, [AssertionPurpose(.auth, .read)]).first)
    let reading = CallOptions.acting(with: signed.assertion, origin: AuthBench.origin)
    #expect(
      try await bench.gateway.getCurrentAccount(.init(), options: reading).email == email)
    #expect(
      await bench.refusal {
        try await bench.gateway.createAccessToken(Self.manager, options: reading)
      } == "unauthenticated")
    #expect(
      await bench.refusal {
        try await bench.gateway.deleteOtherSessions(.init(), options: reading)
      } == "unauthenticated")
  }

  @Test func theCredentialItselfIsLookedUpAtThatMoment() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    let account = try await bench.signUp(email)
    let (token, _) = try await bench.logIn(email)
    let own = try showing(token)
    let made = try await bench.gateway.createAccessToken(Self.manager, options: own)
    // An access token shows itself as well, and is held to its scopes.
    let child = try await bench.gateway.createAccessToken(
      AuthAPI.CreateAccessTokenRequest(name: "child", scopes: [.use]),
      options: try showing(made.token))
    #expect(
      await bench.refusal {
        try await bench.gateway.createAccessToken(
          Self.manager, options: try showing(child.token))
      } == "permissionDenied MISSING_SCOPE")
    _ = try await bench.gateway.deleteCurrentSession(.init(), options: own)
    for credential in [token, "chs_made-up", "chat_made-up", "", "x"] {
      #expect(
        await bench.refusal {
          try await bench.gateway.createAccessToken(
            Self.manager, options: try showing(credential))
        } == "unauthenticated", "\(credential)")
    }
    let log = try await bench.log(of: account)
    #expect(log.count { $0 == "access-token.create" } == 2)
  }

  @Test func eachPurposeGetsAnAssertionOfItsOwn() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    try await bench.signUp(email)
    let (token, _) = try await bench.logIn(email)
    let signed = try await assertions(bench, token, AssertionPurpose.all)
    #expect(
      signed.map { "\($0.purpose?.audience ?? "") \($0.purpose?.methods ?? "")" }
        == AssertionPurpose.all.map { "\($0.audience) \($0.methods)" })
    #expect(Set(signed.map(\.assertion)).count == AssertionPurpose.all.count)
  }

  @Test func whatNamesNoPurposeIsRefused() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    try await bench.signUp(email)
    let (token, _) = try await bench.logIn(email)
    func refusal(
      _ purposes: [AuthAPI.AssertionPurpose], certificates: [[UInt8]] = []
    ) async -> String? {
      await bench.refusal {
        try await bench.gateway.authenticate(
          AuthAPI.AuthenticateRequest(
            credential: .sessionToken(token), purposes: purposes, certificates: certificates),
          options: bench.nobody)
      }
    }
    let reading = AuthAPI.AssertionPurpose(audience: "vault", methods: "read")
    #expect(await refusal([.init(audience: "bank", methods: "read")]) == "invalidArgument purposes")
    #expect(await refusal([.init(audience: "vault", methods: "")]) == "invalidArgument purposes")
    #expect(
      await refusal(Array(repeating: reading, count: AssertionPurpose.countMax + 1))
        == "invalidArgument purposes")
    #expect(await refusal([reading], certificates: [[1]]) == "invalidArgument certificates")
    #expect(
      await refusal(
        [reading],
        certificates: Array(repeating: [UInt8](repeating: 1, count: 32), count: 17))
        == "invalidArgument certificates")
  }
}
