import Callers
import Foundation
import Identity
import Postgres
import Protobuf
import RPC
import ServiceAPI
import Testing

@testable import Auth
@testable import AuthServer

/// Limits, rotation and derivation of access tokens.
@Suite struct AccessTokenLifeTests {
  private typealias Token = AuthAPI.CreateAccessTokenResponse

  private func begin() async throws -> (AuthBench, AuthAPI.Account, CallOptions) {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    let account = try await bench.signUp(email)
    return (bench, account, try await bench.logIn(email).options)
  }

  private func create(
    _ bench: AuthBench, _ options: CallOptions, scopes: [AuthAPI.AccessToken.Scope] = [.use],
    limits: AuthAPI.AccessLimits? = nil, expiresIn: Int64? = nil
  ) async throws -> Token {
    try await bench.gateway.createAccessToken(
      AuthAPI.CreateAccessTokenRequest(
        name: "ci", expiresIn: expiresIn.map { ProtoDuration(seconds: $0, nanos: 0) },
        scopes: scopes, limits: limits), options: options)
  }

  private func derive(
    _ bench: AuthBench, _ options: CallOptions, scopes: [AuthAPI.AccessToken.Scope] = [],
    limits: AuthAPI.AccessLimits? = nil, expiresIn: Int64? = nil
  ) async throws -> Token {
    try await bench.gateway.deriveAccessToken(
      AuthAPI.DeriveAccessTokenRequest(
        expiresIn: expiresIn.map { ProtoDuration(seconds: $0, nanos: 0) }, scopes: scopes,
        limits: limits), options: options)
  }

  private func answer(
    _ bench: AuthBench, _ token: Token
  ) async throws -> AuthAPI.AuthenticateResponse {
    try await bench.gateway.authenticate(
      AuthAPI.AuthenticateRequest(credential: .accessToken(token.token)), options: bench.nobody)
  }

  private func acting(_ bench: AuthBench, _ token: Token) async throws -> CallOptions {
    .acting(with: try await answer(bench, token).assertion, origin: AuthBench.origin)
  }

  private func isAlive(_ bench: AuthBench, _ token: Token) async -> Bool {
    (try? await answer(bench, token)) != nil
  }

  private func life(_ token: Token) throws -> TimeInterval {
    let stored = try #require(token.accessToken)
    let begin = try #require(stored.createTime).date
    return try #require(stored.expireTime).date.timeIntervalSince(begin)
  }

  @Test func aTokenEndsAfterNinetyDaysUnlessSomebodySaysOtherwise() async throws {
    let (bench, _, owner) = try await begin()
    #expect(try life(try await create(bench, owner)) == 90 * 86_400)
    let endless = try await bench.gateway.createAccessToken(
      AuthAPI.CreateAccessTokenRequest(name: "ci", isEndless: true), options: owner)
    #expect(endless.accessToken?.expireTime == nil)
    #expect(
      await bench.refusal {
        try await bench.gateway.createAccessToken(
          AuthAPI.CreateAccessTokenRequest(
            name: "ci", expiresIn: ProtoDuration(seconds: 600, nanos: 0), isEndless: true),
          options: owner)
      } == "invalidArgument expiresIn")
  }

  @Test func limitsAreKeptShownAndToldWithEachUse() async throws {
    let (bench, _, owner) = try await begin()
    let limits = AuthAPI.AccessLimits(
      providers: ["openai"], labels: ["team"], models: ["gpt-4o*"],
      networks: ["192.0.2.7", "2001:db8::/32"])
    let token = try await create(bench, owner, limits: limits)
    let shown = try #require(token.accessToken?.limits)
    #expect(shown.networks == ["192.0.2.7/32", "2001:db8::/32"])
    #expect(shown.providers == ["openai"] && shown.models == ["gpt-4o*"])
    #expect(try await answer(bench, token).limits == shown)
    let list = try await bench.gateway.listAccessTokens(
      AuthAPI.ListAccessTokensRequest(), options: owner)
    #expect(list.accessTokens.map(\.limits) == [shown])
    let wrong: [AuthAPI.AccessLimits] = [
      .init(networks: ["192.0.2.1/24"]), .init(networks: ["here"]), .init(models: ["gpt*4"]),
      .init(models: [""]), .init(providers: ["Open AI"]),
      .init(labels: (0...20).map { "label-\($0)" }),
    ]
    for limits in wrong {
      #expect(
        await bench.refusal { try await create(bench, owner, limits: limits) }
          == "invalidArgument limits")
    }
    #expect(
      await bench.refusal {
        try await create(bench, owner, scopes: [.use, .manage], limits: .init(models: ["gpt-5"]))
      } == "invalidArgument scopes")
  }

  @Test func theLastUseIsKnownByTimeAndAddress() async throws {
    let (bench, _, owner) = try await begin()
    let token = try await create(bench, owner)
    _ = try await answer(bench, token)
    try await bench.uses.write()
    let list = try await bench.gateway.listAccessTokens(
      AuthAPI.ListAccessTokensRequest(), options: owner)
    let shown = try #require(list.accessTokens.first)
    #expect(shown.lastUseAddress == AuthBench.origin.ipAddress)
    #expect(shown.lastUseTime != nil)
    // It takes nothing away: nobody is told of a revocation.
    #expect(try await bench.revocationCount() == 0)
  }

  @Test func theOldSecretWorksBesideTheNewOneForAWhile() async throws {
    let (bench, account, owner) = try await begin()
    let token = try await create(bench, owner)
    let id = try #require(token.accessToken?.id)
    let rotated = try await bench.gateway.rotateAccessToken(
      AuthAPI.RotateAccessTokenRequest(id: id, overlap: ProtoDuration(seconds: 600, nanos: 0)),
      options: owner)
    #expect(rotated.accessToken?.id == id && rotated.token != token.token)
    #expect(rotated.accessToken?.prefix != token.accessToken?.prefix)
    let (old, new) = (try await answer(bench, token), try await answer(bench, rotated))
    #expect(old.credentialId == id && new.credentialId == id)
    bench.clock.advance(by: 570)
    // Nobody takes it on trust beyond its end.
    let left = try #require(try await answer(bench, token).validFor).duration
    #expect(left <= .seconds(31))
    bench.clock.advance(by: 40)
    #expect(await !isAlive(bench, token))
    #expect(await isAlive(bench, rotated))
    #expect(try await bench.log(of: account).contains("access-token.rotate"))
  }

  @Test func aRotationWithTimeForTheOldSecretEndsNothingThatRuns() async throws {
    let (bench, _, owner) = try await begin()
    let id = try #require(try await create(bench, owner).accessToken?.id)
    func rotate(overlap seconds: Int64) async throws {
      _ = try await bench.gateway.rotateAccessToken(
        AuthAPI.RotateAccessTokenRequest(
          id: id, overlap: ProtoDuration(seconds: seconds, nanos: 0)), options: owner)
    }
    try await rotate(overlap: 600)
    #expect(try await bench.revocationCount() == 0)
    // The secret before the last ends at once.
    try await rotate(overlap: 600)
    #expect(try await bench.revocationCount() == 1)
    try await rotate(overlap: 0)
    #expect(try await bench.revocationCount() == 2)
    // Gateways may take the old secret on trust for longer than this.
    try await rotate(overlap: 60)
    #expect(try await bench.revocationCount() == 3)
  }

  @Test func aSecretThatIsReplacedAtOnceEndsWithWhatWasDerivedFromIt() async throws {
    let (bench, _, owner) = try await begin()
    let token = try await create(bench, owner)
    let child = try await derive(bench, try await acting(bench, token))
    let rotated = try await bench.gateway.rotateAccessToken(
      AuthAPI.RotateAccessTokenRequest(
        id: token.accessToken?.id ?? "", overlap: ProtoDuration(seconds: 0, nanos: 0)),
      options: owner)
    #expect(await !isAlive(bench, token))
    #expect(await !isAlive(bench, child))
    #expect(await isAlive(bench, rotated))
  }

  @Test func aDerivedTokenIsNeverWiderOrLonger() async throws {
    let (bench, account, owner) = try await begin()
    let parent = try await create(
      bench, owner, scopes: [.use, .readAudit],
      limits: .init(providers: ["openai"], models: ["gpt-4*"], networks: ["192.0.2.0/24"]),
      expiresIn: 1_800)
    let options = try await acting(bench, parent)
    let plain = try await derive(bench, options)
    // An hour by default, cut where the parent ends.
    #expect(try life(plain) <= 1_800)
    #expect(plain.accessToken?.scopes == [.use, .readAudit])
    #expect(plain.accessToken?.limits == parent.accessToken?.limits)
    #expect(plain.accessToken?.parentId == parent.accessToken?.id)
    let narrow = try await derive(
      bench, options, scopes: [.use],
      limits: .init(models: ["gpt-4o"], networks: ["192.0.2.7"]), expiresIn: 60)
    #expect(narrow.accessToken?.limits?.providers == ["openai"])
    #expect(try life(narrow) == 60)
    let wide: [(scopes: [AuthAPI.AccessToken.Scope], limits: AuthAPI.AccessLimits?)] = [
      ([.use, .manage], nil), ([.manage], nil), ([.use], .init(providers: ["anthropic"])),
      ([.use], .init(models: ["gpt-*"])), ([.use], .init(networks: ["192.0.0.0/16"])),
      ([.use], .init(providers: ["openai", "custom"])),
    ]
    for (scopes, limits) in wide {
      let refusal = await bench.refusal {
        try await derive(bench, options, scopes: scopes, limits: limits)
      }
      #expect(["permissionDenied MORE_THAN_OWN", "invalidArgument scopes"].contains(refusal ?? ""))
    }
    #expect(
      await bench.refusal { try await derive(bench, options, expiresIn: 86_401) }
        == "invalidArgument expiresIn")
    #expect(try await bench.log(of: account).count { $0 == "access-token.derive" } == 2)
  }

  @Test func whateverIsAskedForAChildHasNothingThatItsParentHasNot() async throws {
    let (bench, _, owner) = try await begin()
    let scopes: [AuthAPI.AccessToken.Scope] = [.use, .manage, .readAudit]
    func some<Element>(_ all: [Element]) -> [Element] {
      all.filter { _ in Int.random(in: 0..<3) == 0 }
    }
    func limits() -> AuthAPI.AccessLimits {
      AuthAPI.AccessLimits(
        providers: some(["openai", "anthropic"]), labels: some(["default", "team"]),
        models: some(["gpt-4o", "gpt-4*", "gpt-*", "o3"]),
        networks: some(["192.0.2.7", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::/32"]))
    }
    var granted = 0
    for _ in 0..<40 {
      let parent: Token
      do {
        parent = try await create(
          bench, owner, scopes: some(scopes) + [.use], limits: limits(),
          expiresIn: Int64.random(in: 60...100_000))
      } catch {
        // MANAGE with limits of things.
        continue
      }
      let options = try await acting(bench, parent)
      for _ in 0..<5 {
        let child = try? await derive(
          bench, options, scopes: some(scopes), limits: limits(),
          expiresIn: Bool.random() ? nil : Int64.random(in: 60...86_400))
        guard let child else { continue }
        granted += 1
        let (wide, narrow) = (
          try #require(parent.accessToken), try #require(child.accessToken)
        )
        #expect(AccessLimits(wide.limits).cover(AccessLimits(narrow.limits)))
        #expect(Set(narrow.scopes).isSubset(of: Set(wide.scopes)))
        let (end, last) = (try #require(narrow.expireTime), try #require(wide.expireTime))
        #expect(end.date <= last.date)
      }
      _ = try await bench.gateway.deleteAccessToken(
        AuthAPI.DeleteAccessTokenRequest(id: parent.accessToken?.id ?? ""), options: owner)
    }
    #expect(granted > 0)
  }

  @Test func aDerivedTokenEndsWithItsParentWhateverThatIs() async throws {
    let (bench, _, owner) = try await begin()
    let parent = try await create(bench, owner)
    let child = try await derive(bench, try await acting(bench, parent))
    let grandchild = try await derive(bench, try await acting(bench, child))
    let ofSession = try await derive(bench, owner)
    #expect(ofSession.accessToken?.scopes == [.use])
    for token in [child, grandchild, ofSession] { #expect(await isAlive(bench, token)) }
    // The owner's list has what is their own, and what was derived where they ask for it.
    let own = try await bench.gateway.listAccessTokens(
      AuthAPI.ListAccessTokensRequest(), options: owner)
    #expect(own.accessTokens.map(\.id) == [parent.accessToken?.id])
    let derived = try await bench.gateway.listAccessTokens(
      AuthAPI.ListAccessTokensRequest(parentId: parent.accessToken?.id ?? ""), options: owner)
    #expect(derived.accessTokens.map(\.id) == [child.accessToken?.id])

    let before = try await bench.revocationCount()
    _ = try await bench.gateway.deleteAccessToken(
      AuthAPI.DeleteAccessTokenRequest(id: parent.accessToken?.id ?? ""), options: owner)
    for token in [parent, child, grandchild] { #expect(await !isAlive(bench, token)) }
    // Gateways are told of each.
    #expect(try await bench.revocationCount() == before + 3)
    #expect(await isAlive(bench, ofSession))
    _ = try await bench.gateway.deleteCurrentSession(
      AuthAPI.DeleteCurrentSessionRequest(), options: owner)
    #expect(await !isAlive(bench, ofSession))
  }

  @Test func depthAndNumberOfDerivedTokensAreBounded() async throws {
    let (bench, _, owner) = try await begin()
    var token = try await create(bench, owner)
    for _ in 0..<AccessToken.depthMax {
      token = try await derive(bench, try await acting(bench, token))
    }
    let deepest = try await acting(bench, token)
    #expect(
      await bench.refusal { try await derive(bench, deepest) }
        == "failedPrecondition DERIVED_TOO_DEEP")
    for _ in 0..<AccessToken.derivedPerParentMax {
      _ = try await derive(bench, owner, expiresIn: 60)
    }
    #expect(
      await bench.refusal { try await derive(bench, owner) }
        == "resourceExhausted TOO_MANY_DERIVED_TOKENS")
    // They don't count as tokens of one's own.
    _ = try await create(bench, owner)
    // What is over makes room.
    bench.clock.advance(by: 61)
    _ = try await derive(bench, owner)
  }

  @Test func aDerivedTokenMakesNothingThatOutlivesIt() async throws {
    let (bench, _, owner) = try await begin()
    let parent = try await create(bench, owner, scopes: [.use, .manage])
    let child = try await acting(
      bench, try await derive(bench, try await acting(bench, parent), scopes: [.use, .manage]))
    #expect(
      await bench.refusal { try await create(bench, child, expiresIn: 60) }
        == "permissionDenied WRONG_CREDENTIAL")
    #expect(
      await bench.refusal {
        try await bench.gateway.rotateAccessToken(
          AuthAPI.RotateAccessTokenRequest(id: parent.accessToken?.id ?? ""), options: child)
      } == "permissionDenied MORE_THAN_OWN")
  }

  @Test func aTokenGetsNoSecretOfAWiderOneByRotatingIt() async throws {
    let (bench, _, owner) = try await begin()
    let wide = try await create(bench, owner, scopes: [.use, .manage, .readAudit])
    let manager = try await acting(bench, try await create(bench, owner, scopes: [.manage]))
    #expect(
      await bench.refusal {
        try await bench.gateway.rotateAccessToken(
          AuthAPI.RotateAccessTokenRequest(id: wide.accessToken?.id ?? ""), options: manager)
      } == "permissionDenied MORE_THAN_OWN")
    #expect(
      await bench.refusal {
        try await bench.gateway.rotateAccessToken(
          AuthAPI.RotateAccessTokenRequest(id: UUID().uuidString), options: owner)
      } == "notFound")
  }

  @Test func anOperatorRevokesAllTokensOfAnAccount() async throws {
    let (bench, account, owner) = try await begin()
    let token = try await create(bench, owner)
    let child = try await derive(bench, try await acting(bench, token))
    let user = try await bench.operators.revokeUserAccessTokens(
      AuthAPI.RevokeUserAccessTokensRequest(user: account.id), options: bench.nobody)
    #expect(user.accessTokenCount == 0)
    for token in [token, child] { #expect(await !isAlive(bench, token)) }
    #expect(try await bench.log(of: account).contains("account.revoke-tokens"))
  }
}
