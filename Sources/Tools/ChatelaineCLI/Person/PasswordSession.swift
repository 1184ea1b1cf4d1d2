import Cryptography
import Foundation

/// A session that is begun by password and second factor on the terminal, for what a token may not
/// do, and ended with the command.
struct PasswordSession: PortalSession {
  let connection: PortalConnection
  private let csrfToken: String

  /// Logs in; asks for a code when the account has a second factor.
  ///
  /// - Throws: `PortalProblem` for a wrong password or code, `CommandError` when nothing was typed.
  init(_ connection: PortalConnection, email: String, _ input: SecretInput) throws {
    let password = try input.line("Password of \(email)")
    var answer: [String: Any]
    do {
      answer = try password.withUTF8String {
        try connection.call("POST", "/api/v1/sessions", ["email": email, "password": $0])
      }
      if let second = answer["secondFactorToken"] as? String {
        let code = try input.line("Code of your authenticator app, or a recovery code")
        answer = try code.withUTF8String {
          try connection.call("POST", "/api/v1/sessions:complete", ["token": second, "code": $0])
        }
      }
    } catch let problem as PortalProblem where problem.status == 401 {
      throw CommandError("not logged in: \(problem.detail)")
    }
    guard let csrfToken = answer["csrfToken"] as? String else {
      throw CommandError("what answers at \(connection.address) is no portal of this version")
    }
    (self.connection, self.csrfToken) = (connection, csrfToken)
  }

  func call(
    _ method: String, _ path: String, _ body: [String: Any]?, headers: [String]
  ) throws -> [String: Any] {
    try connection.call(method, path, body, headers: headers + ["X-CSRF-Token: \(csrfToken)"])
  }

  /// Logs out; a session that can't be ended now ends by itself.
  func end() {
    do {
      _ = try call("DELETE", "/api/v1/sessions/current")
    } catch {
      Terminal.report("the session is not ended: \(error)")
    }
  }
}
