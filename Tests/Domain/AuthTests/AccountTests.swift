import Cryptography
import Foundation
import Identity
import Receipts
import Testing

@testable import Auth

@Suite struct AccountTests {
  private let auth = TestAuth()

  @Test func aSignUpIsKeptWithItsReceipt() async throws {
    let account = try await auth.signUp("Ann@example.com")
    #expect(account.email.text == "Ann@example.com")
    #expect(
      try await auth.service.currentAccount(of: auth.caller(account), from: TestAuth.origin)
        == account)

    let receipt = try #require(auth.store.receipts.first)
    #expect(receipt.action == .accountCreate)
    #expect(receipt.outcome == .success)
    #expect(receipt.actor == .user(account.id, email: "Ann@example.com"))
    #expect(receipt.accountID == account.id)
    #expect(receipt.origin == TestAuth.origin)
  }

  @Test func anAddressBelongsToOneAccountInAnyCase() async throws {
    _ = try await auth.signUp("ann@example.com")
    await #expect(throws: AuthError.emailTaken) { try await auth.signUp("ANN@example.com") }
    #expect(auth.store.receipts.count == 1)
  }

  @Test func aRefusedSignUpLeavesNothing() async throws {
    await #expect(throws: AuthError.self) {
      try await auth.service.createAccount(
        email: "ann@example.com", password: SecretBytes(utf8: "short"), displayName: "",
        from: TestAuth.origin)
    }
    await #expect(throws: AuthError.self) {
      try await auth.service.createAccount(
        email: "ann@example.com", password: SecretBytes(utf8: TestAuth.password),
        displayName: "two\nlines", from: TestAuth.origin)
    }
    #expect(try await auth.store.account(emailKey: "ann@example.com") == nil)
    #expect(auth.store.receipts.isEmpty)
  }

  @Test func signUpsFromOnePlaceAreLimited() async throws {
    var rates = AttemptLimits.Rates()
    rates.signUpsPerSource = AttemptRate(2, per: .seconds(3600))
    let auth = TestAuth(rates: rates)
    _ = try await auth.signUp("a@example.com")
    _ = try await auth.signUp("b@example.com")
    await #expect(throws: AuthError.tooManyAttempts(retryAfter: .seconds(1800))) {
      try await auth.signUp("c@example.com")
    }
  }

  @Test func anOperatorActsForAUserAndLeavesAReceiptInTheirLog() async throws {
    let account = try await auth.signUp()
    let answer = try await auth.service.impersonate(
      email: "ANN@example.com", from: CallOrigin())
    #expect(answer.account == account)
    #expect(String(decoding: answer.assertions[0].bytes, as: UTF8.self).hasSuffix("operator"))
    let receipt = try #require(auth.store.receipts.last)
    #expect(receipt.action == .operatorImpersonate)
    #expect(receipt.actor == .operator)
    #expect(receipt.accountID == account.id)
  }

  @Test func anOperatorGetsNothingForAnUnknownAddress() async throws {
    await #expect(throws: AuthError.notFound) {
      try await auth.service.impersonate(email: "nobody@example.com", from: CallOrigin())
    }
    // In nobody's log: there is no such account.
    #expect(auth.store.receipts.map(\.outcome) == [.failure])
    #expect(auth.store.receipts.map(\.accountID) == [nil])
  }

  @Test func aForgedRequestIsInItsVictimsLog() async throws {
    let account = try await auth.signUp()
    try await auth.service.reportForgery(
      of: "POST /access-tokens", for: auth.caller(account), from: TestAuth.origin)
    let receipt = auth.store.receipts.last
    #expect(receipt?.action == .requestForge)
    #expect(receipt?.outcome == .denied)
    #expect(receipt?.accountID == account.id)
    #expect(receipt?.target.name == "POST /access-tokens")
    for bad in ["", "POST /\n", String(repeating: "x", count: 513)] {
      await #expect(throws: AuthError.self) {
        try await auth.service.reportForgery(
          of: bad, for: auth.caller(account), from: TestAuth.origin)
      }
    }
  }

  @Test func aRefusedPeerIsInNobodysLog() async throws {
    try await auth.service.refuse(peer: "vault", method: "/chatelaine.auth.v1.Auth/Authenticate")
    let receipt = auth.store.receipts.last
    #expect(receipt?.actor == .service("vault"))
    #expect(receipt?.outcome == .denied)
    #expect(receipt?.accountID == nil)
  }
}
