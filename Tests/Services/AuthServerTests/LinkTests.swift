import Foundation
import Mail
import Postgres
import Protobuf
import RPC
import ServiceAPI
import TestSupport
import Testing

@testable import Auth
@testable import AuthServer

/// Confirming, resetting and changing by the links of mails.
@Suite struct LinkTests {
  @Test func aSignUpIsConfirmedByItsLinkOnce() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    let account = try await bench.signUp(email)
    #expect(!account.isEmailVerified)
    let mails = try await bench.mails(to: email)
    #expect(mails.map(\.subject) == ["Confirm your e-mail address"])
    #expect(mails[0].text.contains("This was done from Firefox on Linux, 192.0.2.7."))

    let request = AuthAPI.RedeemLinkRequest(token: try await bench.token(to: email))
    let answer = try await bench.gateway.redeemLink(request, options: bench.nobody)
    #expect(answer.purpose == .verifyEmail)
    #expect(answer.email == email)
    #expect(
      await bench.refusal { try await bench.gateway.redeemLink(request, options: bench.nobody) }
        == "failedPrecondition LINK_OVER")
    let options = try await bench.logIn(email).options
    let me = try await bench.gateway.getCurrentAccount(
      AuthAPI.GetCurrentAccountRequest(), options: options)
    #expect(me.isEmailVerified)
    #expect(
      try await bench.log(of: account) == ["account.create", "email.verify", "session.create"])

    // Nothing is left to confirm: no mail.
    _ = try await bench.gateway.sendEmailVerification(
      AuthAPI.SendEmailVerificationRequest(), options: options)
    #expect(try await bench.mails(to: email).count == 1)
  }

  @Test func aLostPasswordIsReplacedAndEverySessionEnds() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    let account = try await bench.signUp(email)
    let session = try await bench.logIn(email)
    let token = try await bench.gateway.createAccessToken(
      AuthAPI.CreateAccessTokenRequest(name: "ci"), options: session.options)

    _ = try await bench.gateway.requestPasswordReset(
      AuthAPI.RequestPasswordResetRequest(email: email.uppercased()), options: bench.nobody)
    let link = try await bench.token(to: email)
    // A password that is refused doesn't use the link up.
    #expect(
      await bench.refusal {
        try await bench.gateway.resetPassword(
          AuthAPI.ResetPasswordRequest(token: link, password: "password1"), options: bench.nobody)
      } == "invalidArgument password")
    _ = try await bench.gateway.resetPassword(
      AuthAPI.ResetPasswordRequest(token: link, password: "another long one"),
      options: bench.nobody)

    #expect(await !bench.isAlive(session.token))
    #expect(
      await bench.refusal { try await bench.logIn(email) } == "unauthenticated WRONG_CREDENTIALS")
    _ = try await bench.logIn(email, password: "another long one")
    // What programs use goes on.
    _ = try await bench.gateway.authenticate(
      AuthAPI.AuthenticateRequest(credential: .accessToken(token.token)), options: bench.nobody)
    #expect(try await bench.mails(to: email).last?.subject == "Your password was changed")
    #expect(
      try await bench.log(of: account) == [
        "account.create", "session.create", "access-token.create", "password.request-reset",
        "password.reset", "session.create failure", "session.create",
      ])
  }

  @Test func ofFiftyParallelRedemptionsOneWins() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    let account = try await bench.signUp(email)
    _ = try await bench.gateway.requestPasswordReset(
      AuthAPI.RequestPasswordResetRequest(email: email), options: bench.nobody)
    let link = try await bench.token(to: email)
    let wins = await withTaskGroup(of: Int?.self) { group in
      for number in 0..<50 {
        group.addTask {
          let refusal = await bench.refusal {
            try await bench.gateway.resetPassword(
              AuthAPI.ResetPasswordRequest(token: link, password: "unusual words \(number)"),
              options: bench.nobody)
          }
          #expect(refusal == nil || refusal == "failedPrecondition LINK_OVER")
          return refusal == nil ? number : nil
        }
      }
      return await group.reduce(into: [Int]()) { if let number = $1 { $0.append(number) } }
    }
    #expect(wins.count == 1)
    _ = try await bench.logIn(email, password: "unusual words \(try #require(wins.first))")
    #expect(try await bench.log(of: account).count { $0 == "password.reset" } == 1)
  }

  @Test func aResetIsAskedForAlikeWhetherOrNotThereIsAnAccount() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    try await bench.signUp(email)
    for address in [email, bench.newEmail()] {
      let answer = try await bench.gateway.requestPasswordReset(
        AuthAPI.RequestPasswordResetRequest(email: address), options: bench.nobody)
      #expect(answer.packed().isEmpty)
    }
    // Both wait alike; when they leave, one of them is nobody's.
    let (waiting, _) = try await bench.queue.waiting(
      countMax: 10, in: bench.database.postgres)
    #expect(waiting == 3)
    #expect(try await bench.mails(to: email).count == 2)
    #expect(try bench.mailbox.mails().count == 2)
    let (left, _) = try await bench.queue.waiting(countMax: 10, in: bench.database.postgres)
    #expect(left == 0)
  }

  @Test func aLinkEndsAndIsForItsPurposeOnly() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    try await bench.signUp(email)
    let verification = try await bench.token(to: email)
    #expect(
      await bench.refusal {
        try await bench.gateway.resetPassword(
          AuthAPI.ResetPasswordRequest(token: verification, password: "another long one"),
          options: bench.nobody)
      } == "failedPrecondition LINK_OVER")
    _ = try await bench.gateway.requestPasswordReset(
      AuthAPI.RequestPasswordResetRequest(email: email), options: bench.nobody)
    let reset = try await bench.token(to: email)
    #expect(
      await bench.refusal {
        try await bench.gateway.redeemLink(
          AuthAPI.RedeemLinkRequest(token: reset), options: bench.nobody)
      } == "failedPrecondition LINK_OVER")
    bench.clock.advance(by: 3_601)
    #expect(
      await bench.refusal {
        try await bench.gateway.resetPassword(
          AuthAPI.ResetPasswordRequest(token: reset, password: "another long one"),
          options: bench.nobody)
      } == "failedPrecondition LINK_OVER")
    for token in ["", "chl_x", "x' OR 1=1", reset + "A"] {
      #expect(
        await bench.refusal {
          try await bench.gateway.redeemLink(
            AuthAPI.RedeemLinkRequest(token: token), options: bench.nobody)
        } == "failedPrecondition LINK_OVER")
    }
  }

  @Test func ofManyLinksTheLastThreeWork() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    try await bench.signUp(email)
    var tokens: [String] = []
    for _ in 0..<4 {
      _ = try await bench.gateway.requestPasswordReset(
        AuthAPI.RequestPasswordResetRequest(email: email), options: bench.nobody)
      tokens.append(try await bench.token(to: email))
    }
    func tryOut(_ token: String) async -> String? {
      await bench.refusal {
        try await bench.gateway.resetPassword(
          AuthAPI.ResetPasswordRequest(token: token, password: "another long one"),
          options: bench.nobody)
      }
    }
    #expect(await tryOut(tokens[0]) == "failedPrecondition LINK_OVER")
    #expect(await tryOut(tokens[1]) == nil)
    // The one that was used took the others along.
    #expect(await tryOut(tokens[3]) == "failedPrecondition LINK_OVER")
  }

  @Test func aPasswordIsChangedWithTheOldOneAndOtherSessionsEnd() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    let account = try await bench.signUp(email)
    let (own, other) = (try await bench.logIn(email), try await bench.logIn(email))
    func change(_ current: String, _ new: String) async -> String? {
      await bench.refusal {
        try await bench.gateway.changePassword(
          AuthAPI.ChangePasswordRequest(currentPassword: current, newPassword: new),
          options: own.options)
      }
    }
    #expect(await change("wrong", "another long one") == "invalidArgument currentPassword")
    #expect(await change(AuthBench.password, "short") == "invalidArgument newPassword")
    #expect(await change(AuthBench.password, "sunshine1") == "invalidArgument newPassword")
    #expect(await change(AuthBench.password, "another long one") == nil)
    #expect(await bench.isAlive(own.token))
    #expect(await !bench.isAlive(other.token))
    _ = try await bench.logIn(email, password: "another long one")
    #expect(try await bench.mails(to: email).last?.subject == "Your password was changed")
    #expect(
      try await bench.log(of: account).filter { $0.hasPrefix("password") }
        == ["password.change failure", "password.change"])
  }

  @Test func anAddressChangesWhenItsNewOwnerSaysSoAndTheOldOneIsTold() async throws {
    let bench = try await AuthBench()
    let (old, new) = (bench.newEmail(), bench.newEmail())
    let account = try await bench.signUp(old)
    let session = try await bench.logIn(old)
    func ask(_ email: String, _ password: String = AuthBench.password) async -> String? {
      await bench.refusal {
        try await bench.gateway.requestEmailChange(
          AuthAPI.RequestEmailChangeRequest(email: email, password: password),
          options: session.options)
      }
    }
    #expect(await ask(new, "wrong") == "invalidArgument password")
    #expect(await ask(old) == "invalidArgument email")
    #expect(await ask("a@b\r\nBcc: c@example.com") == "invalidArgument email")
    _ = try await bench.gateway.requestPasswordReset(
      AuthAPI.RequestPasswordResetRequest(email: old), options: bench.nobody)
    let oldReset = try await bench.token(to: old)
    #expect(await ask(new) == nil)
    #expect(
      try await bench.mails(to: old).last?.subject == "Your e-mail address is about to change")
    // Nothing has changed yet.
    _ = try await bench.logIn(old)

    let answer = try await bench.gateway.redeemLink(
      AuthAPI.RedeemLinkRequest(token: try await bench.token(to: new)), options: bench.nobody)
    #expect(answer.purpose == .changeEmail)
    _ = try await bench.logIn(new)
    #expect(await bench.refusal { try await bench.logIn(old) } != nil)
    #expect(try await bench.mails(to: old).last?.subject == "Your e-mail address was changed")
    // What lies in the old mailbox is of no use.
    #expect(
      await bench.refusal {
        try await bench.gateway.resetPassword(
          AuthAPI.ResetPasswordRequest(token: oldReset, password: "another long one"),
          options: bench.nobody)
      } == "failedPrecondition LINK_OVER")
    #expect(try await bench.log(of: account).contains("email.change"))
  }

  @Test func anAddressThatSomebodyHasIsNotTakenOverAndOnlyItsOwnerLearns() async throws {
    let bench = try await AuthBench()
    let (mine, theirs) = (bench.newEmail(), bench.newEmail())
    try await bench.signUp(mine)
    try await bench.signUp(theirs)
    let session = try await bench.logIn(mine)
    _ = try await bench.gateway.requestEmailChange(
      AuthAPI.RequestEmailChangeRequest(email: theirs, password: AuthBench.password),
      options: session.options)
    #expect(try await bench.mails(to: theirs).last?.subject == "You have an account already")
  }

  @Test func withoutMailNothingIsPromised() async throws {
    let bench = try await AuthBench(AccountPolicy(sendsMail: false))
    let email = bench.newEmail()
    try await bench.signUp(email)
    #expect(
      await bench.refusal {
        try await bench.gateway.requestPasswordReset(
          AuthAPI.RequestPasswordResetRequest(email: email), options: bench.nobody)
      } == "failedPrecondition NO_MAIL")
    #expect(try await bench.mails(to: email).isEmpty)
    // An operator hands the link over.
    let answer = try await bench.operators.sendUserPasswordReset(
      AuthAPI.SendUserPasswordResetRequest(user: email), options: bench.nobody)
    let prefix = "\(AuthBench.portal)/reset-password?token="
    #expect(answer.link.hasPrefix(prefix))
    _ = try await bench.gateway.resetPassword(
      AuthAPI.ResetPasswordRequest(
        token: String(answer.link.dropFirst(prefix.count)), password: "another long one"),
      options: bench.nobody)
    _ = try await bench.logIn(email, password: "another long one")
  }

  @Test func mailsThatStrangersAskForAreLimited() async throws {
    var rates = AttemptLimits.Rates.generous
    rates.mailsPerAddress = AttemptRate(2, per: .seconds(3600))
    let bench = try await AuthBench(rates: rates)
    let email = bench.newEmail()
    for expected in [nil, nil, "resourceExhausted"] {
      let refusal = await bench.refusal {
        try await bench.gateway.requestPasswordReset(
          AuthAPI.RequestPasswordResetRequest(email: email), options: bench.nobody)
      }
      #expect(refusal == expected)
    }
  }
}
