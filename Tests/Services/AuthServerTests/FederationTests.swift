import Cryptography
import Encodings
import Foundation
import Mail
import RPC
import ServiceAPI
import TestSupport
import Testing

@testable import Auth
@testable import AuthServer
@testable import OpenIDConnect

/// Log-in by OpenID Connect, with a provider that lies on demand.
@Suite struct FederationTests {
  private static let failed = "failedPrecondition PROVIDER_FAILED"
  private static let over = "failedPrecondition LOG_IN_OVER"

  /// A browser that goes to the provider and comes back.
  private struct Browser {
    let provider: OpenIDTestProvider
    let fetch: HTTPSFetch

    init(_ provider: OpenIDTestProvider) {
      self.provider = provider
      fetch = HTTPSFetch(authorityFile: provider.authorityFile)
    }

    func go(_ begun: AuthAPI.BegunFederation) async throws -> AuthAPI.FederationAnswer {
      let bytes = try await fetch.fetch(
        HTTPSFetch.Order(url: begun.authorizationUrl, mayBePrivate: true))
      let answer = try JSONDecoder().decode([String: String].self, from: Data(bytes))
      return AuthAPI.FederationAnswer(
        provider: "corp", code: answer["code"] ?? "", state: answer["state"] ?? "",
        iss: answer["iss"] ?? "", flow: begun.flow)
    }

    /// What the provider does wrong from now on.
    func lie(_ lies: String) async throws {
      var order = HTTPSFetch.Order(url: provider.issuer + "/control", mayBePrivate: true)
      order.form = SecretBytes(utf8: "lies=" + PercentCoding.encode(lies))
      _ = try await fetch.fetch(order)
    }
  }

  private func begin(_ bench: AuthBench) async throws -> AuthAPI.BegunFederation {
    try await bench.gateway.beginProviderLogIn(
      AuthAPI.BeginProviderLogInRequest(provider: "corp"), options: bench.nobody)
  }

  private func logIn(
    _ bench: AuthBench, _ answer: AuthAPI.FederationAnswer
  ) async throws -> AuthAPI.CreateSessionResponse {
    try await bench.gateway.createProviderSession(
      AuthAPI.CreateProviderSessionRequest(answer: answer), options: bench.nobody)
  }

  /// Why a whole log-in is refused; nil when it is not.
  private func refusal(_ bench: AuthBench, _ browser: Browser) async -> String? {
    await bench.refusal {
      try await logIn(bench, try await browser.go(try await begin(bench)))
    }
  }

  private func link(
    _ bench: AuthBench, _ browser: Browser, _ options: CallOptions
  ) async throws -> AuthAPI.LinkedIdentity {
    let begun = try await bench.gateway.beginIdentityLink(
      AuthAPI.BeginIdentityLinkRequest(provider: "corp"), options: options)
    return try await bench.gateway.linkIdentity(
      AuthAPI.LinkIdentityRequest(answer: try await browser.go(begun)), options: options)
  }

  @Test func aPersonSignsUpByAProviderAndLogsInByItAgain() async throws {
    let provider = try await OpenIDTestProvider()
    let bench = try await AuthBench(provider: provider)
    let browser = Browser(provider)
    let listed = try await bench.gateway.listLogInProviders(
      AuthAPI.ListLogInProvidersRequest(), options: bench.nobody)
    #expect(listed.providers.map(\.id) == ["corp"])
    let first = try await logIn(bench, try await browser.go(try await begin(bench)))
    let account = try #require(first.account)
    #expect(account.email == "ann@example.com" && account.isEmailVerified)
    #expect(account.displayName == "Ann")
    // Keys of the other algorithm, and another address: the subject is the person.
    try await browser.lie(#"{"alg": "ES256", "claims": {"email": "ann@elsewhere.example"}}"#)
    let second = try await logIn(bench, try await browser.go(try await begin(bench)))
    #expect(second.account?.id == account.id && second.account?.email == "ann@example.com")
    #expect(await bench.isAlive(second.sessionToken))
    let log = try await bench.log(of: account)
    #expect(log.count { $0 == "account.create" } == 1)
    #expect(log.count { $0 == "session.create" } == 2)
    let identities = try await bench.gateway.listIdentities(
      AuthAPI.ListIdentitiesRequest(), options: try await bench.options(second.sessionToken)
    ).identities
    #expect(identities.map(\.provider) == ["Corp"] && identities[0].lastUseTime != nil)
  }

  @Test func nothingThatAProviderSaysWronglyIsBelieved() async throws {
    let provider = try await OpenIDTestProvider()
    let bench = try await AuthBench(provider: provider)
    let browser = Browser(provider)
    for lies in [
      #"{"claims": {"iss": "https://evil.example"}}"#, #"{"missing": ["iss"]}"#,
      #"{"claims": {"aud": "another"}}"#, #"{"claims": {"aud": ["portal", "another"]}}"#,
      #"{"claims": {"azp": "another"}}"#, #"{"missing": ["aud"]}"#,
      #"{"claims": {"nonce": "another"}}"#, #"{"missing": ["nonce"]}"#,
      #"{"alg": "none"}"#, #"{"alg": "HS256"}"#, #"{"strangers_key": true}"#,
      #"{"head": {"alg": "ES256"}}"#, #"{"head": {"alg": "none"}}"#,
      #"{"head": {"crit": ["exp"]}}"#, #"{"head": {"kid": "oct"}}"#,
      #"{"head": {"kid": "unknown"}}"#,
      #"{"times": {"exp": -120}}"#, #"{"missing": ["exp"]}"#, #"{"times": {"iat": 300}}"#,
      #"{"times": {"iat": -900}}"#, #"{"missing": ["iat"]}"#, #"{"times": {"nbf": 300}}"#,
      #"{"missing": ["sub"]}"#, #"{"claims": {"sub": ""}}"#, #"{"claims": {"sub": 7}}"#,
      #"{"answer_iss": "https://evil.example"}"#, #"{"answer_iss": ""}"#,
    ] {
      try await browser.lie(lies)
      #expect(await refusal(bench, browser) == Self.failed, "\(lies)")
    }
    for lies in [#"{"claims": {"email_verified": false}}"#, #"{"missing": ["email"]}"#] {
      try await browser.lie(lies)
      #expect(await refusal(bench, browser) == "failedPrecondition IDENTITY_UNVERIFIED")
    }
    // The truth is still believed.
    try await browser.lie("{}")
    #expect(await refusal(bench, browser) == nil)
  }

  @Test func aProviderIsAskedNowhereElseThanWhereItMayBe() async throws {
    let provider = try await OpenIDTestProvider()
    let browser = Browser(provider)
    let elsewhere = provider.issuer.replacing("localhost", with: "127.0.0.1")
    for lies in [
      #"{"discovery": {"issuer": "https://evil.example"}}"#,
      #"{"discovery": {"token_endpoint": "http://localhost/token"}}"#,
      #"{"discovery": {"jwks_uri": "file:///etc/passwd"}}"#,
      // Another host than the operator's word, with an address that is not public.
      #"{"discovery": {"token_endpoint": "\#(elsewhere)/token"}}"#,
      #"{"discovery": {"jwks_uri": "\#(elsewhere)/keys"}}"#,
      #"{"redirect": "/keys"}"#, #"{"redirect": "/.well-known/openid-configuration"}"#,
      #"{"flood": "/keys"}"#,
      // A token that doesn't say which of two keys.
      #"{"no_kid": true, "two_keys": true}"#,
    ] {
      let bench = try await AuthBench(provider: provider)
      try await browser.lie(lies)
      #expect(await refusal(bench, browser) == Self.failed, "\(lies)")
    }
    // Whom no authority of ours vouches for.
    try await browser.lie("{}")
    let bench = try await AuthBench(provider: provider, trustsIt: false)
    #expect(await bench.refusal { try await begin(bench) } == Self.failed)
  }

  @Test func aWayBackIsForOneLogInOfOneBrowser() async throws {
    let provider = try await OpenIDTestProvider()
    let bench = try await AuthBench(provider: provider)
    let browser = Browser(provider)
    func refusal(_ answer: AuthAPI.FederationAnswer) async -> String? {
      await bench.refusal { try await logIn(bench, answer) }
    }
    let (one, other) = (try await begin(bench), try await begin(bench))
    let answer = try await browser.go(one)
    // Another browser's state, nobody's, another provider's.
    for change: (inout AuthAPI.FederationAnswer) -> Void in [
      { $0.flow = other.flow }, { $0.flow = "" }, { $0.state = "" },
      { $0.flow = "AAAA" + $0.flow.dropFirst(4) }, { $0.provider = "other" },
    ] {
      var mixed = answer
      change(&mixed)
      #expect(await refusal(mixed) == Self.over)
    }
    #expect(await refusal(answer) == nil)
    // The code is used up; another code for the same way doesn't make it new.
    #expect(await refusal(answer) == Self.failed)
    #expect(await refusal(try await browser.go(one)) == Self.over)
    // A code of another log-in fits neither verifier nor nonce.
    var swapped = try await browser.go(other)
    swapped.code = try await browser.go(try await begin(bench)).code
    #expect(await refusal(swapped) == Self.failed)
    let late = try await browser.go(try await begin(bench))
    bench.clock.advance(by: 601)
    #expect(await refusal(late) == Self.over)
  }

  @Test func keysThatAProviderChangesAreFetched() async throws {
    let provider = try await OpenIDTestProvider()
    let bench = try await AuthBench(provider: provider)
    let browser = Browser(provider)
    #expect(await refusal(bench, browser) == nil)
    try await browser.lie(#"{"rotate": true}"#)
    // Not more often than every half a minute, whoever sends tokens of unknown keys.
    #expect(await refusal(bench, browser) == Self.failed)
    bench.clock.advance(by: 31)
    #expect(await refusal(bench, browser) == nil)
  }

  @Test func anAddressThatHasAnAccountIsConnectedOnlyByItsOwner() async throws {
    let provider = try await OpenIDTestProvider()
    let bench = try await AuthBench(provider: provider)
    let browser = Browser(provider)
    let email = "ann@example.com"
    let account = try await bench.signUp(email)
    #expect(await refusal(bench, browser) == "failedPrecondition IDENTITY_UNLINKED")
    let session = try await bench.logIn(email)
    let identity = try await link(bench, browser, session.options)
    #expect(identity.provider == "Corp" && identity.email == email)
    #expect(try await bench.mails(to: email).last?.subject == "A log-in provider was connected")
    let started = try await logIn(bench, try await browser.go(try await begin(bench)))
    #expect(started.account?.id == account.id)

    // One identity, one account.
    let bob = bench.newEmail()
    try await bench.signUp(bob)
    let theirs = try await bench.logIn(bob)
    #expect(
      await bench.refusal { try await link(bench, browser, theirs.options) }
        == "alreadyExists IDENTITY_TAKEN")
    // Another's way back: a session that is not theirs.
    try await browser.lie(#"{"claims": {"sub": "bob"}}"#)
    let begun = try await bench.gateway.beginIdentityLink(
      AuthAPI.BeginIdentityLinkRequest(provider: "corp"), options: session.options)
    let answer = try await browser.go(begun)
    #expect(
      await bench.refusal {
        try await bench.gateway.linkIdentity(
          AuthAPI.LinkIdentityRequest(answer: answer), options: theirs.options)
      } == Self.over)
    #expect(await bench.refusal { try await logIn(bench, answer) } == Self.over)
    #expect(
      await bench.refusal {
        try await bench.gateway.deleteIdentity(
          AuthAPI.DeleteIdentityRequest(id: identity.id), options: theirs.options)
      } == "notFound")

    _ = try await bench.gateway.deleteIdentity(
      AuthAPI.DeleteIdentityRequest(id: identity.id), options: session.options)
    try await browser.lie("{}")
    #expect(await refusal(bench, browser) == "failedPrecondition IDENTITY_UNLINKED")
    let log = try await bench.log(of: account)
    #expect(log.contains("identity.link") && log.contains("identity.unlink"))
    bench.clock.advance(by: 601)
    let stale = try await bench.options(session.token)
    #expect(
      await bench.refusal { try await link(bench, browser, stale) }
        == "permissionDenied CONFIRMATION_NEEDED")
  }

  @Test func aSecondFactorIsAskedForBehindAProviderToo() async throws {
    let provider = try await OpenIDTestProvider()
    let bench = try await AuthBench(provider: provider)
    let browser = Browser(provider)
    let first = try await logIn(bench, try await browser.go(try await begin(bench)))
    let options = try await bench.options(first.sessionToken)
    let begun = try await bench.gateway.beginPasskey(
      AuthAPI.BeginPasskeyRequest(), options: options)
    let made = try SoftAuthenticator().register(
      try #require(Base64.url.decode(begun.challenge)))
    _ = try await bench.gateway.createPasskey(
      AuthAPI.CreatePasskeyRequest(
        name: "laptop", clientData: made.clientData, attestationObject: made.attestationObject),
      options: options)
    let second = try await logIn(bench, try await browser.go(try await begin(bench)))
    #expect(second.sessionToken.isEmpty && !second.secondFactorToken.isEmpty && second.hasPasskey)
  }

  @Test func theOperatorsRulesOfSignUpHold() async throws {
    let provider = try await OpenIDTestProvider()
    let browser = Browser(provider)
    for mode in [SignUpMode.closed, .invitation] {
      let bench = try await AuthBench(
        AccountPolicy(signUp: mode, sendsMail: true), provider: provider)
      #expect(await refusal(bench, browser) == "permissionDenied SIGN_UP_CLOSED")
    }
    let bench = try await AuthBench(
      AccountPolicy(emailDomains: ["corp.example"], sendsMail: true), provider: provider)
    #expect(await refusal(bench, browser) == "invalidArgument email")
    try await browser.lie(#"{"claims": {"email": "ann@corp.example"}}"#)
    #expect(await refusal(bench, browser) == nil)
    _ = try await bench.operators.disableUser(
      AuthAPI.DisableUserRequest(user: "ann@corp.example"), options: bench.nobody)
    #expect(await refusal(bench, browser) == "permissionDenied ACCOUNT_DISABLED")
  }
}
