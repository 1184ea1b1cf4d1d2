import Cryptography
import Encodings
import Foundation
import Identity
import Mail
import RPC
import ServiceAPI
import TestSupport
import Testing

@testable import Auth
@testable import AuthServer

/// Passkeys through all of auth, on its database.
@Suite struct PasskeyTests {
  typealias Answer = SoftAuthenticator.Answer

  private struct Person {
    let email: String
    let account: AuthAPI.Account
    let options: CallOptions
    let sessionToken: String

    /// What devices call them.
    var handle: [UInt8] {
      get throws { Passkeys.handle(of: try #require(UserID(account.id))) }
    }
  }

  private func person(_ bench: AuthBench) async throws -> Person {
    let email = bench.newEmail()
    let account = try await bench.signUp(email)
    let session = try await bench.logIn(email)
    return Person(
      email: email, account: account, options: session.options, sessionToken: session.token)
  }

  private func add(
    _ device: SoftAuthenticator, to person: Person, _ bench: AuthBench, name: String = "laptop",
    _ answer: Answer = .registration
  ) async throws -> AuthAPI.CreatePasskeyResponse {
    let begun = try await bench.gateway.beginPasskey(
      AuthAPI.BeginPasskeyRequest(), options: person.options)
    #expect(begun.rp?.id == "keys.example.com" && begun.attestation == "none")
    #expect(begun.pubKeyCredParams.map(\.alg) == [-7, -8, -257])
    #expect(Base64.url.decode(begun.user?.id ?? "") == (try person.handle))
    let made = try device.register(try #require(Base64.url.decode(begun.challenge)), answer)
    return try await bench.gateway.createPasskey(
      AuthAPI.CreatePasskeyRequest(
        name: name, clientData: made.clientData, attestationObject: made.attestationObject),
      options: person.options)
  }

  private func challenge(_ bench: AuthBench, token: String = "") async throws -> [UInt8] {
    let begun = try await bench.gateway.beginPasskeyLogIn(
      AuthAPI.BeginPasskeyLogInRequest(secondFactorToken: token), options: bench.nobody)
    return try #require(Base64.url.decode(begun.challenge))
  }

  private func assertion(
    _ device: SoftAuthenticator, _ challenge: [UInt8], _ answer: Answer = .use
  ) throws -> AuthAPI.PasskeyAssertion {
    let used = try device.use(challenge, answer)
    return AuthAPI.PasskeyAssertion(
      credentialId: device.credentialID, clientData: used.clientData,
      authenticatorData: used.authenticatorData, signature: used.signature,
      userHandle: answer.userHandle)
  }

  /// Why a log-in by the passkey alone is refused; nil when it is not.
  private func refusal(
    _ bench: AuthBench, _ assertion: AuthAPI.PasskeyAssertion
  ) async -> String? {
    await bench.refusal {
      try await bench.gateway.createPasskeySession(
        AuthAPI.CreatePasskeySessionRequest(passkey: assertion), options: bench.nobody)
    }
  }

  private static let refused = "invalidArgument passkey"

  @Test(arguments: SoftAuthenticator.Algorithm.allCases)
  func aPasskeyLogsInByItself(algorithm: SoftAuthenticator.Algorithm) async throws {
    let bench = try await AuthBench()
    let ann = try await person(bench)
    let device = try SoftAuthenticator(algorithm)
    let added = try await add(device, to: ann, bench)
    #expect(added.passkey?.name == "laptop" && added.recoveryCodes.count == 10)
    #expect(try await bench.mails(to: ann.email).last?.subject == "A passkey was added")

    var answer = Answer.use
    answer.userHandle = try ann.handle
    let session = try await bench.gateway.createPasskeySession(
      AuthAPI.CreatePasskeySessionRequest(
        passkey: try assertion(device, try await challenge(bench), answer)),
      options: bench.nobody)
    #expect(session.account?.id == ann.account.id && !session.deviceToken.isEmpty)
    #expect(await bench.isAlive(session.sessionToken))
    let listed = try await bench.gateway.listPasskeys(
      AuthAPI.ListPasskeysRequest(), options: ann.options
    ).passkeys
    #expect(listed.count == 1 && listed[0].lastUseTime != nil && !listed[0].isSynced)
    let log = try await bench.log(of: ann.account)
    #expect(log.contains("passkey.create"))
    #expect(log.last == "session.create")
  }

  @Test func aChallengeWorksOnceHoweverManyTry() async throws {
    let bench = try await AuthBench()
    let ann = try await person(bench)
    let device = try SoftAuthenticator()
    _ = try await add(device, to: ann, bench)
    let used = try assertion(device, try await challenge(bench))
    let wins = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<50 { group.addTask { await refusal(bench, used) == nil } }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(wins == 1)
    #expect(await refusal(bench, used) == Self.refused)
    // One that was made, and waited for too long.
    let late = try assertion(device, try await challenge(bench))
    bench.clock.advance(by: 301)
    #expect(await refusal(bench, late) == Self.refused)
    // What nobody could use any more is forgotten.
    _ = try await bench.gateway.listPasskeys(
      AuthAPI.ListPasskeysRequest(), options: try await bench.options(ann.sessionToken))
    #expect(try await bench.sweep() == 0)
    #expect(try await bench.usedChallenges() == 0)
  }

  @Test func aChallengeIsForOneThingOnly() async throws {
    let bench = try await AuthBench()
    let (ann, bob) = (try await person(bench), try await person(bench))
    let (device, other) = (try SoftAuthenticator(), try SoftAuthenticator())
    _ = try await add(device, to: ann, bench)

    // Another session's registration.
    let begun = try await bench.gateway.beginPasskey(
      AuthAPI.BeginPasskeyRequest(), options: bob.options)
    let made = try other.register(try #require(Base64.url.decode(begun.challenge)))
    func create(_ person: Person, _ attestation: [UInt8]? = nil) async -> String? {
      await bench.refusal {
        try await bench.gateway.createPasskey(
          AuthAPI.CreatePasskeyRequest(
            name: "x", clientData: made.clientData,
            attestationObject: attestation ?? made.attestationObject), options: person.options)
      }
    }
    #expect(await create(ann) == Self.refused)
    #expect(await create(bob) == nil)
    // The same once more, and the same credential for somebody else.
    #expect(await create(bob) == Self.refused)
    let again = try await bench.gateway.beginPasskey(
      AuthAPI.BeginPasskeyRequest(), options: ann.options)
    #expect(again.excludeCredentials.map(\.id) == [Base64.url.encode(device.credentialID)])
    let stolen = try other.register(try #require(Base64.url.decode(again.challenge)))
    #expect(
      await bench.refusal {
        try await bench.gateway.createPasskey(
          AuthAPI.CreatePasskeyRequest(
            name: "x", clientData: stolen.clientData, attestationObject: stolen.attestationObject),
          options: ann.options)
      } == Self.refused)

    // A challenge of a confirmation, of a second factor, and nobody's, for a log-in.
    let confirmation = try await bench.gateway.beginPasskeyConfirmation(
      AuthAPI.BeginPasskeyConfirmationRequest(), options: ann.options)
    let waiting = try await bench.gateway.createSession(
      AuthAPI.CreateSessionRequest(email: ann.email, password: AuthBench.password),
      options: bench.nobody
    ).secondFactorToken
    let foreign: [[UInt8]] = [
      try #require(Base64.url.decode(confirmation.challenge)),
      try await challenge(bench, token: waiting), Array(1...56), [],
    ]
    for challenge in foreign {
      #expect(await refusal(bench, try assertion(device, challenge)) == Self.refused)
    }
    // And a log-in's for a second factor.
    #expect(
      await complete(bench, waiting, try assertion(device, try await challenge(bench)))
        == Self.refused)
  }

  private func complete(
    _ bench: AuthBench, _ token: String, _ assertion: AuthAPI.PasskeyAssertion
  ) async -> String? {
    await bench.refusal {
      try await bench.gateway.completeSession(
        AuthAPI.CompleteSessionRequest(token: token, passkey: assertion), options: bench.nobody)
    }
  }

  @Test func aPasskeyIsTheSecondFactorOfAPassword() async throws {
    let bench = try await AuthBench()
    let (ann, bob) = (try await person(bench), try await person(bench))
    let (device, other) = (try SoftAuthenticator(.edDSA), try SoftAuthenticator())
    let codes = try await add(device, to: ann, bench).recoveryCodes
    _ = try await add(other, to: bob, bench)
    func begin() async throws -> String {
      let answer = try await bench.gateway.createSession(
        AuthAPI.CreateSessionRequest(email: ann.email, password: AuthBench.password),
        options: bench.nobody)
      #expect(answer.sessionToken.isEmpty)
      return answer.secondFactorToken
    }
    var untouched = Answer.use
    untouched.flags = 0x01
    // Without a person made sure of it is a second factor, and nothing by itself.
    #expect(
      await refusal(bench, try assertion(device, try await challenge(bench), untouched))
        == Self.refused)
    var token = try await begin()
    #expect(
      await complete(
        bench, token, try assertion(other, try await challenge(bench, token: token)))
        == Self.refused)
    #expect(
      await complete(
        bench, token,
        try assertion(device, try await challenge(bench, token: token), untouched)) == nil)
    // A recovery code is for a lost device.
    token = try await begin()
    #expect(
      await bench.refusal {
        try await bench.gateway.completeSession(
          AuthAPI.CompleteSessionRequest(token: token, code: codes[3]), options: bench.nobody)
      } == nil)
    #expect(
      try await bench.log(of: ann.account).count { $0 == "session.create failure" } == 1)
  }

  @Test func aCounterThatGoesBackIsRefusedAndInItsOwnersLog() async throws {
    let bench = try await AuthBench()
    let ann = try await person(bench)
    let device = try SoftAuthenticator()
    var answer = Answer.registration
    answer.signCount = 5
    _ = try await add(device, to: ann, bench, answer)
    func logIn(_ count: UInt32) async throws -> String? {
      var answer = Answer.use
      answer.signCount = count
      return await refusal(bench, try assertion(device, try await challenge(bench), answer))
    }
    #expect(try await logIn(6) == nil)
    #expect(try await logIn(6) == Self.refused)
    #expect(try await logIn(5) == Self.refused)
    #expect(try await logIn(0) == Self.refused)
    #expect(try await logIn(9) == nil)
    #expect(try await bench.log(of: ann.account).count { $0 == "session.create failure" } == 3)
    // What its key has not signed is nobody's act.
    var forged = try assertion(device, try await challenge(bench))
    forged.signature = [UInt8](repeating: 1, count: 70)
    #expect(await refusal(bench, forged) == Self.refused)
    #expect(try await bench.log(of: ann.account).count { $0 == "session.create failure" } == 3)
  }

  @Test func anothersCredentialOrHandleLetsNobodyIn() async throws {
    let bench = try await AuthBench()
    let (ann, bob) = (try await person(bench), try await person(bench))
    let (device, other) = (try SoftAuthenticator(), try SoftAuthenticator())
    _ = try await add(device, to: ann, bench)
    _ = try await add(other, to: bob, bench)
    var answer = Answer.use
    answer.userHandle = try bob.handle
    #expect(
      await refusal(bench, try assertion(device, try await challenge(bench), answer))
        == Self.refused)
    // Signed by one, in the name of the other.
    var swapped = try assertion(other, try await challenge(bench))
    swapped.credentialId = device.credentialID
    #expect(await refusal(bench, swapped) == Self.refused)
    // Nobody's.
    #expect(
      await refusal(bench, try assertion(try SoftAuthenticator(), try await challenge(bench)))
        == Self.refused)
    #expect(await refusal(bench, AuthAPI.PasskeyAssertion()) == Self.refused)
    // What may be copied now and might not before is another credential.
    var copied = Answer.use
    copied.flags = 0x0D
    #expect(
      await refusal(bench, try assertion(device, try await challenge(bench), copied))
        == Self.refused)
  }

  @Test func aPasskeyTakesThePlaceOfThePasswordWhereItIsAskedForAgain() async throws {
    let bench = try await AuthBench()
    let ann = try await person(bench)
    let device = try SoftAuthenticator()
    let passkey = try #require(try await add(device, to: ann, bench).passkey)
    bench.clock.advance(by: 601)
    func options() async throws -> CallOptions { try await bench.options(ann.sessionToken) }
    func remove() async throws -> String? {
      let options = try await options()
      return await bench.refusal {
        try await bench.gateway.deletePasskey(
          AuthAPI.DeletePasskeyRequest(id: passkey.id), options: options)
      }
    }
    #expect(try await remove() == "permissionDenied CONFIRMATION_NEEDED")
    func confirm(_ answer: Answer) async throws -> String? {
      let options = try await options()
      let begun = try await bench.gateway.beginPasskeyConfirmation(
        AuthAPI.BeginPasskeyConfirmationRequest(), options: options)
      let used = try assertion(device, try #require(Base64.url.decode(begun.challenge)), answer)
      return await bench.refusal {
        try await bench.gateway.confirmSession(
          AuthAPI.ConfirmSessionRequest(passkey: used), options: options)
      }
    }
    var untouched = Answer.use
    untouched.flags = 0x01
    #expect(try await confirm(untouched) == Self.refused)
    #expect(try await confirm(.use) == nil)
    let renamed = try await bench.gateway.renamePasskey(
      AuthAPI.RenamePasskeyRequest(id: passkey.id, name: "old laptop"),
      options: try await options())
    #expect(renamed.name == "old laptop")
    #expect(try await remove() == nil)
    #expect(try await remove() == "notFound")
    // No factor, no recovery codes; the password is enough again.
    let state = try await bench.gateway.getSecondFactor(
      AuthAPI.GetSecondFactorRequest(), options: try await options())
    #expect(state.passkeyCount == 0 && state.recoveryCodesLeft == 0)
    _ = try await bench.logIn(ann.email)
    #expect(
      try await bench.mails(to: ann.email).map(\.subject).contains("A passkey was removed"))
    let log = try await bench.log(of: ann.account)
    #expect(log.count { $0 == "session.confirm failure" } == 1)
    #expect(log.contains("passkey.rename") && log.contains("passkey.delete"))
  }

  @Test func aNewPasswordLeavesPasskeysOnAndAnOperatorTakesThemAway() async throws {
    let bench = try await AuthBench()
    let ann = try await person(bench)
    let device = try SoftAuthenticator()
    _ = try await add(device, to: ann, bench)
    _ = try await bench.gateway.requestPasswordReset(
      AuthAPI.RequestPasswordResetRequest(email: ann.email), options: bench.nobody)
    _ = try await bench.gateway.resetPassword(
      AuthAPI.ResetPasswordRequest(
        token: try await bench.token(to: ann.email), password: "another long one"),
      options: bench.nobody)
    let answer = try await bench.gateway.createSession(
      AuthAPI.CreateSessionRequest(email: ann.email, password: "another long one"),
      options: bench.nobody)
    #expect(!answer.secondFactorToken.isEmpty)
    #expect(await refusal(bench, try assertion(device, try await challenge(bench))) == nil)
    let user = try await bench.operators.resetUserSecondFactor(
      AuthAPI.ResetUserSecondFactorRequest(user: ann.email), options: bench.nobody)
    #expect(!user.hasSecondFactor)
    #expect(
      await refusal(bench, try assertion(device, try await challenge(bench))) == Self.refused)
    _ = try await bench.logIn(ann.email, password: "another long one")
  }

  @Test func anAccountHasSomeAndNotAnyNumber() async throws {
    let bench = try await AuthBench()
    let ann = try await person(bench)
    for number in 1...Passkey.perAccountMax {
      let added = try await add(try SoftAuthenticator(), to: ann, bench, name: "key \(number)")
      #expect(added.recoveryCodes.isEmpty == (number > 1))
    }
    #expect(
      await bench.refusal {
        try await add(try SoftAuthenticator(), to: ann, bench)
      } == "failedPrecondition TOO_MANY_PASSKEYS")
    for name in ["", String(repeating: "x", count: 101), "a\u{202E}b"] {
      #expect(
        await bench.refusal {
          try await bench.gateway.createPasskey(
            AuthAPI.CreatePasskeyRequest(name: name), options: ann.options)
        } == "invalidArgument name")
    }
  }
}
