import Cryptography
import Foundation
import Mail
import Postgres
import RPC
import ServiceAPI
import TestSupport
import Testing

@testable import Auth
@testable import AuthServer

/// Authenticator apps, recovery codes, and proving once more who one is.
@Suite struct SecondFactorTests {
  /// An app that has the secret: reads base 32 as a phone does.
  private struct App {
    private let secret: SecretBytes

    init(_ text: String) {
      var bits = 0
      var (group, bytes) = (0, [UInt8]())
      for digit in text.utf8 {
        let value = digit >= 0x41 ? Int(digit) - 0x41 : Int(digit) - 0x32 + 26
        group = (group << 5 | value) & 0xFFFF
        bits += 5
        if bits >= 8 {
          bits -= 8
          bytes.append(UInt8(group >> bits & 0xFF))
        }
      }
      secret = SecretBytes(copying: bytes)
    }

    func code(at time: Date) -> String {
      OneTimePassword.code(
        secret, step: OneTimePassword.step(at: Int64(time.timeIntervalSince1970)))
    }
  }

  private func enable(
    _ bench: AuthBench, _ email: String
  ) async throws -> (app: App, codes: [String], account: AuthAPI.Account) {
    let account = try await bench.signUp(email)
    let session = try await bench.logIn(email)
    let created = try await bench.gateway.createAuthenticator(
      AuthAPI.CreateAuthenticatorRequest(), options: session.options)
    #expect(created.uri.hasPrefix("otpauth://totp/Chatelaine:"))
    #expect(created.uri.contains("secret=\(created.secret)"))
    let app = App(created.secret)
    // Not yet: nobody has seen a code.
    _ = try await bench.logIn(email)
    #expect(
      await bench.refusal {
        try await bench.gateway.enableSecondFactor(
          AuthAPI.EnableSecondFactorRequest(code: "000000"), options: session.options)
      } == "invalidArgument code")
    let codes = try await bench.gateway.enableSecondFactor(
      AuthAPI.EnableSecondFactorRequest(code: app.code(at: bench.clock.now)),
      options: session.options
    ).codes
    return (app, codes, account)
  }

  private func begin(_ bench: AuthBench, _ email: String) async throws -> String {
    let answer = try await bench.gateway.createSession(
      AuthAPI.CreateSessionRequest(email: email, password: AuthBench.password),
      options: bench.nobody)
    #expect(answer.sessionToken.isEmpty && answer.account == nil)
    return answer.secondFactorToken
  }

  private func complete(_ bench: AuthBench, _ token: String, _ code: String) async -> String? {
    await bench.refusal {
      try await bench.gateway.completeSession(
        AuthAPI.CompleteSessionRequest(token: token, code: code), options: bench.nobody)
    }
  }

  @Test func logInNeedsACodeOfTheAppWhichWorksOnce() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    let (app, codes, account) = try await enable(bench, email)
    #expect(codes.count == 10 && Set(codes).count == 10)
    #expect(codes.allSatisfy { $0.wholeMatch(of: /([A-Z2-7]{4}-){3}[A-Z2-7]{4}/) != nil })
    #expect(
      try await bench.mails(to: email).last?.subject == "Log-in needs a second factor now")

    // The code that switched it on is used up.
    var token = try await begin(bench, email)
    #expect(
      await complete(bench, token, app.code(at: bench.clock.now)) == "invalidArgument code")
    #expect(await complete(bench, token, "123456") == "invalidArgument code")
    bench.clock.advance(by: 60)
    let code = app.code(at: bench.clock.now)
    #expect(await complete(bench, token, String(code.prefix(3)) + " " + code.suffix(3)) == nil)
    // Neither the code nor the token works again.
    #expect(
      await complete(bench, token, app.code(at: bench.clock.now))
        == "failedPrecondition LINK_OVER")
    token = try await begin(bench, email)
    #expect(await complete(bench, token, code) == "invalidArgument code")
    // The token ends.
    bench.clock.advance(by: 301)
    #expect(
      await complete(bench, token, app.code(at: bench.clock.now))
        == "failedPrecondition LINK_OVER")
    let log = try await bench.log(of: account)
    #expect(log.contains("second-factor.enable"))
    #expect(log.count { $0 == "session.create failure" } == 3)
  }

  @Test func ofFiftyParallelUsesOfOneCodeOneWins() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    let (app, codes, _) = try await enable(bench, email)
    bench.clock.advance(by: 60)
    for code in [app.code(at: bench.clock.now), codes[0]] {
      var tokens: [String] = []
      for _ in 0..<50 { tokens.append(try await begin(bench, email)) }
      let wins = await withTaskGroup(of: Bool.self) { group in
        for token in tokens {
          group.addTask { await complete(bench, token, code) == nil }
        }
        return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(wins == 1)
    }
  }

  @Test func aRecoveryCodeLetsInOnceAndNewOnesReplaceThem() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    let (app, codes, _) = try await enable(bench, email)
    #expect(
      await complete(bench, try await begin(bench, email), codes[0].lowercased()) == nil)
    #expect(
      await complete(bench, try await begin(bench, email), codes[0]) == "invalidArgument code")
    bench.clock.advance(by: 60)
    let started = try await bench.gateway.completeSession(
      AuthAPI.CompleteSessionRequest(
        token: try await begin(bench, email), code: app.code(at: bench.clock.now)),
      options: bench.nobody)
    let options = try await bench.options(started.sessionToken)
    let state = try await bench.gateway.getSecondFactor(
      AuthAPI.GetSecondFactorRequest(), options: options)
    #expect(state.isEnabled && state.recoveryCodesLeft == 9)
    let new = try await bench.gateway.createRecoveryCodes(
      AuthAPI.CreateRecoveryCodesRequest(), options: options
    ).codes
    #expect(
      await complete(bench, try await begin(bench, email), codes[1]) == "invalidArgument code")
    #expect(await complete(bench, try await begin(bench, email), new[1]) == nil)
  }

  @Test func aResetOfThePasswordDoesNotSwitchItOffAndAnOperatorDoes() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    let (_, _, account) = try await enable(bench, email)
    _ = try await bench.gateway.requestPasswordReset(
      AuthAPI.RequestPasswordResetRequest(email: email), options: bench.nobody)
    _ = try await bench.gateway.resetPassword(
      AuthAPI.ResetPasswordRequest(
        token: try await bench.token(to: email), password: "another long one"),
      options: bench.nobody)
    let answer = try await bench.gateway.createSession(
      AuthAPI.CreateSessionRequest(email: email, password: "another long one"),
      options: bench.nobody)
    #expect(answer.sessionToken.isEmpty && !answer.secondFactorToken.isEmpty)

    let user = try await bench.operators.resetUserSecondFactor(
      AuthAPI.ResetUserSecondFactorRequest(user: email), options: bench.nobody)
    #expect(!user.hasSecondFactor)
    _ = try await bench.logIn(email, password: "another long one")
    #expect(
      try await bench.mails(to: email).last?.subject
        == "Log-in needs no second factor any more")
    #expect(try await bench.log(of: account).contains("account.reset-second-factor"))
  }

  @Test func whatTakesAnAccountOverNeedsThePasswordOnceMoreAfterTenMinutes() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    let (app, _, account) = try await enable(bench, email)
    bench.clock.advance(by: 60)
    let started = try await bench.gateway.completeSession(
      AuthAPI.CompleteSessionRequest(
        token: try await begin(bench, email), code: app.code(at: bench.clock.now)),
      options: bench.nobody)
    bench.clock.advance(by: 601)
    func createToken() async throws -> String? {
      let options = try await bench.options(started.sessionToken)
      return await bench.refusal {
        try await bench.gateway.createAccessToken(
          AuthAPI.CreateAccessTokenRequest(name: "ci"), options: options)
      }
    }
    #expect(try await createToken() == "permissionDenied CONFIRMATION_NEEDED")
    func confirm(_ password: String, _ code: String) async throws -> String? {
      let options = try await bench.options(started.sessionToken)
      return await bench.refusal {
        try await bench.gateway.confirmSession(
          AuthAPI.ConfirmSessionRequest(password: password, code: code), options: options)
      }
    }
    #expect(try await confirm("wrong", "") == "invalidArgument password")
    #expect(try await confirm(AuthBench.password, "000000") == "invalidArgument code")
    #expect(try await confirm(AuthBench.password, app.code(at: bench.clock.now)) == nil)
    #expect(try await createToken() == nil)
    let options = try await bench.options(started.sessionToken)
    _ = try await bench.gateway.deleteSecondFactor(
      AuthAPI.DeleteSecondFactorRequest(), options: options)
    _ = try await bench.logIn(email)
    let log = try await bench.log(of: account)
    #expect(log.count { $0 == "session.confirm failure" } == 2)
    #expect(log.contains("access-token.create denied"))
    #expect(log.contains("second-factor.disable"))
  }

  @Test func theSecretIsNotInTheDatabase() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    try await bench.signUp(email)
    let session = try await bench.logIn(email)
    let created = try await bench.gateway.createAuthenticator(
      AuthAPI.CreateAuthenticatorRequest(), options: session.options)
    let stored = try #require(
      try await bench.database.superuser.first("SELECT secret FROM auth.authenticators") {
        row throws(PostgresError) in try row.decode("secret", as: [UInt8].self)
      })
    let code = App(created.secret).code(at: bench.clock.now)
    // Whoever takes the sealed bytes for the secret makes other codes.
    #expect(stored.count == OneTimePassword.secretBytes + AES256GCM.overheadBytes)
    #expect(
      OneTimePassword.code(
        SecretBytes(copying: Array(stored.dropFirst(12).prefix(20))),
        step: OneTimePassword.step(at: Int64(bench.clock.now.timeIntervalSince1970))) != code
        || stored.isEmpty)
    // Moved to another account it opens nothing.
    let other = bench.newEmail()
    let victim = try await bench.signUp(other)
    let theirs = try await bench.logIn(other)
    try await bench.database.superuser.execute(
      "UPDATE auth.authenticators SET account_id = \(try #require(UUID(uuidString: victim.id)))")
    #expect(
      await bench.refusal {
        try await bench.gateway.enableSecondFactor(
          AuthAPI.EnableSecondFactorRequest(code: code), options: theirs.options)
      } == "internal")
  }

  @Test func aNewPasswordAndAddressNeedThePasswordOnceMoreToo() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    let account = try await bench.signUp(email)
    let (token, _) = try await bench.logIn(email)
    bench.clock.advance(by: 601)
    let stale = try await bench.options(token)
    func changePassword(_ options: CallOptions) async -> String? {
      await bench.refusal {
        try await bench.gateway.changePassword(
          AuthAPI.ChangePasswordRequest(
            currentPassword: AuthBench.password, newPassword: "quiet harbour lantern"),
          options: options)
      }
    }
    func changeAddress(_ options: CallOptions) async -> String? {
      await bench.refusal {
        try await bench.gateway.requestEmailChange(
          AuthAPI.RequestEmailChangeRequest(
            email: bench.newEmail(), password: AuthBench.password), options: options)
      }
    }
    #expect(await changePassword(stale) == "permissionDenied CONFIRMATION_NEEDED")
    #expect(await changeAddress(stale) == "permissionDenied CONFIRMATION_NEEDED")
    _ = try await bench.gateway.confirmSession(
      AuthAPI.ConfirmSessionRequest(password: AuthBench.password), options: stale)
    let fresh = try await bench.options(token)
    #expect(await changeAddress(fresh) == nil)
    #expect(await changePassword(fresh) == nil)
    let log = try await bench.log(of: account)
    #expect(log.contains("password.change denied"))
  }
}
