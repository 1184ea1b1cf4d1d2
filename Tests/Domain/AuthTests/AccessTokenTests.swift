import Cryptography
import Foundation
import Identity
import Receipts
import Testing

@testable import Auth

@Suite struct AccessTokenTests {
  private let auth = TestAuth()

  private func create(
    _ name: String = "laptop", expiresIn: Duration? = nil, for account: Account
  ) async throws(AuthError) -> (secret: SecureToken, token: AccessToken) {
    try await auth.service.createAccessToken(
      name: name, expiresIn: expiresIn, for: auth.caller(account), from: TestAuth.origin)
  }

  @Test func anAccessTokenSpeaksForItsOwner() async throws {
    let account = try await auth.signUp()
    let (secret, token) = try await create(for: account)
    #expect(auth.store.accessTokenHashes == [secret.storageHash])
    #expect(token.hint.hasPrefix("chat_"))

    let answer = try await auth.service.authenticate(.accessToken(secret.text))
    #expect(answer.account == account)
    #expect(auth.store.receipts.last?.action == .accessTokenCreate)
    #expect(auth.store.receipts.last?.target.name == "laptop")
  }

  @Test func aTokenEndsWhenItsTimeIsOver() async throws {
    let account = try await auth.signUp()
    let (secret, token) = try await create(expiresIn: .seconds(120), for: account)
    #expect(token.expireTime == auth.clock.date.addingTimeInterval(120))
    auth.clock.advance(by: .seconds(119))
    _ = try await auth.service.authenticate(.accessToken(secret.text))
    auth.clock.advance(by: .seconds(1))
    await #expect(throws: AuthError.unauthenticated) {
      try await auth.service.authenticate(.accessToken(secret.text))
    }
  }

  @Test func aRevokedTokenIsDead() async throws {
    let account = try await auth.signUp()
    let (secret, token) = try await create(for: account)
    try await auth.service.deleteAccessToken(
      token.id.uuidString, for: auth.caller(account), from: TestAuth.origin)
    await #expect(throws: AuthError.unauthenticated) {
      try await auth.service.authenticate(.accessToken(secret.text))
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
    _ = try await auth.service.authenticate(.accessToken(secret.text))
    let page = try await auth.service.accessTokens(
      of: auth.caller(stranger), size: 0, pageToken: "")
    #expect(page.accessTokens.isEmpty)
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
        of: auth.caller(account), size: 3, pageToken: pageToken)
      #expect(page.accessTokens.count <= 3)
      names += page.accessTokens.map(\.name)
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
      try await auth.service.accessTokens(of: auth.caller(account), size: 0, pageToken: text)
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
      try await auth.service.accessTokens(of: auth.caller(account), size: 201, pageToken: "")
    }
  }

  @Test func useIsNotedOncePerInterval() async throws {
    let account = try await auth.signUp()
    let (secret, _) = try await create(for: account)
    for _ in 1...3 { _ = try await auth.service.authenticate(.accessToken(secret.text)) }
    #expect(auth.store.noteCount == 1)
    auth.clock.advance(by: .seconds(60))
    for _ in 1...3 { _ = try await auth.service.authenticate(.accessToken(secret.text)) }
    #expect(auth.store.noteCount == 2)
  }

  @Test func theirNumberIsLimited() async throws {
    let account = try await auth.signUp()
    for number in 0..<AuthService.accessTokensPerAccountMax {
      _ = try await create("token \(number)", for: account)
    }
    await #expect(throws: AuthError.tooManyAccessTokens) { try await create(for: account) }
  }
}
