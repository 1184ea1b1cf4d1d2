import Backend
import Callers
import Edge
import HTTPTypes
import HummingbirdCore
import Protobuf
import RPC
import ServiceAPI

/// The pages on which people add and remove an authenticator app.
struct SecondFactorPages: Sendable {
  private static let page = "/settings/second-factor"
  private static let labels = ["code": "Code"]

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/settings/second-factor", .page) { exchange in
        try await portal.forVisitor(exchange) { visitor in
          portal.page(
            exchange, visitor, "second-factor", title: "Authenticator app",
            section: SettingsPage.section, ["isBeginning": true])
        }
      },
      try Edge.Route(["POST"], "/settings/second-factor", .page) { try await begin($0) },
      try Edge.Route(["POST"], "/settings/second-factor/enable", .page) { try await enable($0) },
      try Edge.Route(["POST"], "/settings/second-factor/disable", .page) {
        try await disable($0)
      },
      try Edge.Route(["POST"], "/settings/second-factor/recovery-codes", .page) {
        try await renewCodes($0)
      },
    ]
  }

  /// Answers with the page itself: the secret is in this answer only.
  private func begin(_ exchange: Exchange) async throws -> Response {
    try await portal.confirmed(exchange, page: Self.page) { visitor, _ in
      let new = try await portal.services.auth.createAuthenticator(
        AuthAPI.CreateAuthenticatorRequest(), options: visitor.options(for: exchange))
      return codePage(exchange, visitor, secret: new.secret, uri: new.uri)
    }
  }

  private func codePage(
    _ exchange: Exchange, _ visitor: Visitor, secret: String, uri: String,
    mistakes: Mistakes? = nil
  ) -> Response {
    portal.page(
      exchange, visitor, "second-factor",
      title: mistakes == nil ? "Authenticator app" : "Error: authenticator app",
      section: SettingsPage.section,
      [
        "mistakes": mistakes as Any, "secret": grouped(secret), "plainSecret": secret,
        "uri": uri, "picture": QRCode(uri)?.svg as Any,
        "code": Field(
          "code", "Code that the app shows", autocomplete: "one-time-code", isPlain: true,
          lengthMax: 10, isFirst: true, mistakes: mistakes),
      ], status: mistakes == nil ? .ok : .unprocessableContent, isSecret: true)
  }

  private func grouped(_ secret: String) -> String {
    let digits = Array(secret.utf8)
    return stride(from: 0, to: digits.count, by: 4).map { start in
      String(decoding: digits[start..<min(start + 4, digits.count)], as: UTF8.self)
    }.joined(separator: " ")
  }

  private func enable(_ exchange: Exchange) async throws -> Response {
    try await portal.confirmed(exchange, page: Self.page) { visitor, form in
      let answer: AuthAPI.RecoveryCodes
      do {
        answer = try await portal.services.auth.enableSecondFactor(
          AuthAPI.EnableSecondFactorRequest(code: form["code"]),
          options: visitor.options(for: exchange))
      } catch {
        let problem = Problem(catching: error)
        guard let mistakes = Mistakes(problem, labels: Self.labels) else { throw problem }
        // The page brings the secret along, which its owner has on it anyway.
        return codePage(
          exchange, visitor, secret: form["secret"], uri: form["uri"], mistakes: mistakes)
      }
      return codesPage(exchange, visitor, answer.codes)
    }
  }

  private func codesPage(
    _ exchange: Exchange, _ visitor: Visitor, _ codes: [String]
  ) -> Response {
    portal.page(
      exchange, visitor, "recovery-codes", title: "Your recovery codes",
      section: SettingsPage.section, ["codes": codes], isSecret: true)
  }

  private func disable(_ exchange: Exchange) async throws -> Response {
    try await portal.confirmed(exchange, page: SecurityPages.page) { visitor, _ in
      _ = try await portal.services.auth.deleteSecondFactor(
        AuthAPI.DeleteSecondFactorRequest(), options: visitor.options(for: exchange))
      return portal.redirect(to: SecurityPages.page, notice: Notice(.secondFactorOff))
    }
  }

  private func renewCodes(_ exchange: Exchange) async throws -> Response {
    try await portal.confirmed(exchange, page: SecurityPages.page) { visitor, _ in
      let answer = try await portal.services.auth.createRecoveryCodes(
        AuthAPI.CreateRecoveryCodesRequest(), options: visitor.options(for: exchange))
      return codesPage(exchange, visitor, answer.codes)
    }
  }
}

extension Portal {
  /// Runs a form that may need the password once more: then it leads to the page that asks for it,
  /// and back to the form's own.
  func confirmed(
    _ exchange: Exchange, page: String,
    _ answer: (Visitor, FormData) async throws -> Response
  ) async throws -> Response {
    try await forVisitorsForm(exchange, page: page) { visitor, form in
      do {
        return try await answer(visitor, form)
      } catch let error as RPCError where error.needsConfirmation {
        let back = ReturnAddress(page: "/confirm-password", fields: [(ReturnAddress.name, page)])
        return redirect(to: back?.text ?? "/confirm-password", notice: Notice(.confirmFirst))
      }
    }
  }
}

extension RPCError {
  /// Whether the session's owner has to prove once more who they are.
  var needsConfirmation: Bool {
    details.contains { detail in
      if case .errorInfo(let reason, _) = detail { return reason == "CONFIRMATION_NEEDED" }
      return false
    }
  }
}
