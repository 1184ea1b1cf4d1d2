import Cryptography
import Foundation
import Identity
import Receipts
import Testing
import UseCases

@testable import Auth

@Suite struct AccessTokenTests {
  private let auth = TestAuth()

  private func create(
    _ name: String = "laptop", scopes: Scope..., expiresIn: Duration? = nil,
    for account: Account, by caller: Caller? = nil
  ) async throws(AuthError) -> (secret: SecureToken, token: AccessToken) {
    try await auth.service.createAccessToken(
      name: name, scopes: scopes.isEmpty ? .standard : Scopes(scopes), expiresIn: expiresIn,
      for: caller ?? auth.caller(account), from: TestAuth.origin)
  }

  /// The caller who acts with `token`.
  private func caller(_ token: AccessToken, of account: Account) -> Caller {
    Caller(
      userID: account.id, email: account.email.text, credential: .accessToken(token.id),
      scopes: token.scopes)
  }

  @Test func anAccessTokenSpeaksForItsOwner() async throws {
    let account = try await auth.signUp()
    let (secret, token) = try await create(for: account)
    #expect(auth.store.accessTokenHashes == [secret.storageHash])
    #expect(token.hint.hasPrefix("chat_"))

    let answer = try await auth.service.authenticate(
      .accessToken(secret.text), from: TestAuth.origin)
    #expect(answer.account == account)
    #expect(auth.store.receipts.last?.action == .accessTokenCreate)
    #expect(auth.store.receipts.last?.target.name == "laptop")
  }

  @Test func aTokenEndsWhenItsTimeIsOver() async throws {
    let account = try await auth.signUp()
    let (secret, token) = try await create(expiresIn: .seconds(120), for: account)
    #expect(token.expireTime == auth.clock.date.addingTimeInterval(120))
    auth.clock.advance(by: .seconds(119))
    _ = try await auth.service.authenticate(.accessToken(secret.text), from: TestAuth.origin)
    auth.clock.advance(by: .seconds(1))
    await #expect(throws: AuthError.unauthenticated) {
      try await auth.service.authenticate(.accessToken(secret.text), from: TestAuth.origin)
    }
  }

  @Test func aRevokedTokenIsDead() async throws {
    let account = try await auth.signUp()
    let (secret, token) = try await create(for: account)
    try await auth.service.deleteAccessToken(
      token.id.uuidString, for: auth.caller(account), from: TestAuth.origin)
    await #expect(throws: AuthError.unauthenticated) {
      try await auth.service.authenticate(.accessToken(secret.text), from: TestAuth.origin)
    }
    #expect(auth.store.receipts.last?.action == .accessTokenDelete)
  }

  @Test func anothersTokenIsNotFoundLikeNoneAtAll() async throws {
    let owner = try await auth.signUp()
    let stranger = try await auth.signUp("eve@example.com")
    let (secret, token) = try await create(for: owner)
    for id in [token.id.uuidString, UUID().uuidString, "no id"] {
      await #expect(throws: AuthError.notFound) {
        try await auth.service.deleteAccessToken(
          id, for: auth.caller(stranger), from: TestAuth.origin)
      }
    }
    _ = try await auth.service.authenticate(.accessToken(secret.text), from: TestAuth.origin)
    let page = try await auth.service.accessTokens(
      of: auth.caller(stranger), size: 0, pageToken: "", from: TestAuth.origin)
    #expect(page.elements.isEmpty)
  }

  @Test func pagesHoldEveryTokenOnceNewestFirst() async throws {
    let account = try await auth.signUp()
    for number in 0..<7 {
      _ = try await create("token \(number)", for: account)
      // Every other pair was created in the same millisecond.
      if number % 2 == 0 { auth.clock.advance(by: .milliseconds(1)) }
    }
    var names: [String] = []
    var pageToken = ""
    repeat {
      let page = try await auth.service.accessTokens(
        of: auth.caller(account), size: 3, pageToken: pageToken, from: TestAuth.origin)
      #expect(page.elements.count <= 3)
      names += page.elements.map(\.name)
      pageToken = page.nextPageToken ?? ""
    } while !pageToken.isEmpty
    #expect(names.count == 7)
    #expect(Set(names).count == 7)
    #expect(names.last == "token 0")
  }

  @Test(arguments: ["x", "12.x", "-1.\(UUID())", "99999999999999999999.\(UUID())"])
  func aForeignPageTokenIsRefused(_ text: String) async throws {
    let account = try await auth.signUp()
    await #expect(throws: AuthError.self) {
      try await auth.service.accessTokens(
        of: auth.caller(account), size: 0, pageToken: text, from: TestAuth.origin)
    }
  }

  @Test func badInputNamesItsField() async throws {
    let account = try await auth.signUp()
    for name in ["", String(repeating: "x", count: 101), "a\u{202E}b"] {
      await #expect(throws: AuthError.self) { try await create(name, for: account) }
    }
    for lifetime in [Duration.zero, .seconds(-1), .seconds(59), .seconds(4000 * 86_400)] {
      await #expect(throws: AuthError.invalid(.expiresIn, reason: "must be 1 minute to 10 years")) {
        try await create(expiresIn: lifetime, for: account)
      }
    }
    await #expect(throws: AuthError.self) {
      try await auth.service.accessTokens(
        of: auth.caller(account), size: 201, pageToken: "", from: TestAuth.origin)
    }
  }

  @Test func useIsNotedOncePerInterval() async throws {
    let account = try await auth.signUp()
    let (secret, _) = try await create(for: account)
    for _ in 1...3 {
      _ = try await auth.service.authenticate(.accessToken(secret.text), from: TestAuth.origin)
    }
    #expect(auth.store.noteCount == 1)
    auth.clock.advance(by: .seconds(60))
    for _ in 1...3 {
      _ = try await auth.service.authenticate(.accessToken(secret.text), from: TestAuth.origin)
    }
    #expect(auth.store.noteCount == 2)
  }

  @Test func theirNumberIsLimited() async throws {
    let account = try await auth.signUp()
    for number in 0..<AuthService.accessTokensPerAccountMax {
      _ = try await create("token \(number)", for: account)
    }
    await #expect(throws: AuthError.tooManyAccessTokens) { try await create(for: account) }
  }

  @Test func aTokenForUseChangesNothing() async throws {
    let account = try await auth.signUp()
    let (_, token) = try await create(for: account)
    let (_, other) = try await create("phone", for: account)
    let user = caller(token, of: account)
    await #expect(throws: AuthError.denied(.missingScope)) {
      try await create("another", for: account, by: user)
    }
    await #expect(throws: AuthError.denied(.missingScope)) {
      try await auth.service.deleteAccessToken(
        other.id.uuidString, for: user, from: TestAuth.origin)
    }
    await #expect(throws: AuthError.denied(.missingScope)) {
      try await auth.service.accessTokens(of: user, size: 0, pageToken: "", from: TestAuth.origin)
    }
    #expect(auth.store.accessTokenHashes.count == 2)
    let denied = auth.store.receipts.filter { $0.outcome == .denied }
    #expect(denied.map(\.action) == [.accessTokenCreate, .accessTokenDelete, .accessTokenList])
    #expect(denied.allSatisfy { $0.details["reason"] == .text("missing-scope") })
    #expect(denied.allSatisfy { $0.accountID == account.id })
  }

  @Test(arguments: [Scope.use, .manage, .readAudit])
  func whateverATokenMayItMayEndItself(_ scope: Scope) async throws {
    let account = try await auth.signUp()
    let (_, other) = try await create("phone", for: account)
    for names in ["current", "its id"] {
      let (secret, token) = try await create(scopes: scope, for: account)
      let id = names == "current" ? names : token.id.text
      try await auth.service.deleteAccessToken(
        id, for: caller(token, of: account), from: TestAuth.origin)
      await #expect(throws: AuthError.unauthenticated) {
        try await auth.service.authenticate(.accessToken(secret.text), from: TestAuth.origin)
      }
      #expect(auth.store.receipts.last?.target.id == token.id.text)
    }
    // A session is no access token.
    await #expect(throws: AuthError.notFound) {
      try await auth.service.deleteAccessToken(
        "current", for: auth.caller(account), from: TestAuth.origin)
    }
    #expect(
      try await auth.service.accessTokens(
        of: auth.caller(account), size: 0, pageToken: "", from: TestAuth.origin
      ).elements.map(\.id) == [other.id])
  }

  @Test func aTokenGivesAnotherNoMoreThanItHas() async throws {
    let account = try await auth.signUp()
    let (_, parent) = try await create(
      scopes: .use, .manage, expiresIn: .seconds(3600), for: account)
    let manager = caller(parent, of: account)
    _ = try await create("child", expiresIn: .seconds(60), for: account, by: manager)
    await #expect(throws: AuthError.denied(.moreThanOwn)) {
      try await create(
        "reader", scopes: .readAudit, expiresIn: .seconds(60), for: account,
        by: manager)
    }
    await #expect(throws: AuthError.denied(.moreThanOwn)) {
      try await create("longer", expiresIn: .seconds(7200), for: account, by: manager)
    }
    // When nobody says how long, it ends with the other at the latest.
    let (_, unsaid) = try await create("unsaid", for: account, by: manager)
    #expect(unsaid.expireTime == parent.expireTime)
    await #expect(throws: AuthError.denied(.moreThanOwn)) {
      try await auth.service.createAccessToken(
        name: "endless", scopes: .standard, expiresIn: nil, isEndless: true, for: manager,
        from: TestAuth.origin)
    }
    #expect(auth.store.accessTokenHashes.count == 3)
  }

  @Test func theScopesOfATokenAreInItsAssertion() async throws {
    let account = try await auth.signUp()
    let (secret, token) = try await create(scopes: .use, .readAudit, for: account)
    #expect(token.scopes.text == "use read-audit")
    let answer = try await auth.service.authenticate(
      .accessToken(secret.text), from: TestAuth.origin)
    #expect(String(decoding: answer.assertions[0].bytes, as: UTF8.self).hasSuffix("use read-audit"))
    #expect(auth.store.receipts.last?.details["scopes"] == .text("use read-audit"))
  }

  @Test func aTokenMayDoSomething() async throws {
    let account = try await auth.signUp()
    await #expect(throws: AuthError.self) {
      try await auth.service.createAccessToken(
        name: "idle", scopes: Scopes([]), expiresIn: nil, for: auth.caller(account),
        from: TestAuth.origin)
    }
  }
}
