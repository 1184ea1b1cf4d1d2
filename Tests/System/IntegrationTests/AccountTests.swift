import Foundation
import LocalDeployment
import NIOHTTP1
import TestSupport
import Testing

/// A person with a mailbox and an operator at the terminal, on the running system.
@Suite struct AccountTests {
  /// What the command printed; it must have worked.
  private func run(_ arguments: [String], _ stack: RunningStack) async throws -> String {
    let run = try await RunningStack.runCommand(
      arguments + ["--state-dir", stack.stateDirectory])
    #expect(run.exit == .code(0), "\(arguments): \(run.output)")
    return run.output
  }

  /// The token of the newest mail to the address, once one with this subject is there.
  private func token(
    of subject: String, to email: String, _ stack: RunningStack
  ) async throws -> String {
    for _ in 0..<600 {
      let shown = try await RunningStack.runCommand([
        "mail", "show", "--to", email, "--state-dir", stack.stateDirectory,
      ])
      if shown.output.contains("Subject: \(subject)"),
        let match = shown.output.firstMatch(of: /token=(chl_[A-Za-z0-9_-]+)/)
      {
        return String(match.1)
      }
      try await Task.sleep(for: .milliseconds(100))
    }
    Issue.record("no mail \(subject) to \(email)")
    return ""
  }

  @Test func anAddressIsConfirmedAndALostPasswordReplacedByMail() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let portal = Portal(stack.address)
    let email = try await portal.signUpAndLogIn("mailer")
    let confirmation = try await token(of: "Confirm your e-mail address", to: email, stack)
    let stranger = Portal(stack.address)
    let confirmed = try await stranger.send(
      .POST, "/api/v1/links:redeem", json: ["token": confirmation])
    #expect(confirmed.string("purpose") == "VERIFY_EMAIL", "\(confirmed.text)")
    #expect(
      try await portal.send(.GET, "/api/v1/me").json["isEmailVerified"] as? Bool == true)

    _ = try await stranger.send(.POST, "/api/v1/password-resets", json: ["email": email])
    let reset = try await token(of: "Choose a new password", to: email, stack)
    let answer = try await stranger.send(
      .POST, "/api/v1/password-resets:redeem",
      json: ["token": reset, "password": "quiet harbour lantern"])
    #expect(answer.status == 200, "\(answer.text)")
    #expect(try await portal.send(.GET, "/api/v1/me").status == 401)
    let session = try await stranger.send(
      .POST, "/api/v1/sessions", json: ["email": email, "password": "quiet harbour lantern"])
    #expect(session.status == 201)
    #expect(session.headers["set-cookie"].contains { $0.contains("chatelaine-device=") })
  }

  @Test func anOperatorLooksAfterAccounts() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let portal = Portal(stack.address)
    // The first account of a deployment is an admin, and the last admin stays one.
    let admin = try await Portal(stack.address).signUpAndLogIn("admin")
    #expect(try await run(["users", "make-admin", admin], stack).contains("admin"))
    let email = try await portal.signUpAndLogIn("looked-after")
    #expect(try await run(["users", "list", email], stack).contains(email))
    #expect(try await run(["users", "set-role", email, "auditor"], stack).contains("auditor"))
    // The rights are not for whoever has a session from before.
    #expect(try await portal.send(.GET, "/api/v1/me").status == 401)
    _ = try await portal.logIn(email)
    let log = try await portal.send(.GET, "/api/v1/audit-events?everyone=true&pageSize=1")
    #expect(log.status == 200, "\(log.text)")
    #expect(try await run(["users", "disable", email], stack).contains("disabled"))
    #expect(try await portal.send(.GET, "/api/v1/me").status == 401)
    #expect(!(try await run(["users", "enable", email], stack).contains("disabled")))
    #expect(try await run(["users", "show", email], stack).contains("auditor"))
    let link = try await run(["users", "reset-password", email], stack)
    #expect(link.contains("\(stack.address)/reset-password?token=chl_"))
    let nobody = try await RunningStack.runCommand([
      "users", "show", "nobody@example.org", "--state-dir", stack.stateDirectory,
    ])
    #expect(nobody.exit == .code(1))
    #expect(nobody.output.contains("there is no account nobody@example.org"))
  }
}
