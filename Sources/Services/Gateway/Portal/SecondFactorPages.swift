import Backend
import Callers
import Edge
import HTTPTypes
import Protobuf
import RPC
import ServiceAPI

/// The pages on which people add and remove an authenticator app.
struct SecondFactorPages: Sendable {
  private static let page = "/settings/second-factor"
  private static let newPage = "/settings/second-factor/new"
  private static let codesPage = "/settings/second-factor/recovery-codes"
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
      try Edge.Route(["GET"], Self.newPage, .page) { exchange in
        try await portal.forVisitor(exchange) { codePage(exchange, $0) }
      },
      try Edge.Route(["POST"], "/settings/second-factor/enable", .page) { try await enable($0) },
      try Edge.Route(["POST"], "/settings/second-factor/disable", .page) {
        try await disable($0)
      },
      try Edge.Route(["GET"], Self.codesPage, .page) { exchange in
        try await portal.forVisitor(exchange) { shownCodes(exchange, $0) }
      },
      try Edge.Route(["POST"], Self.codesPage, .page) { try await renewCodes($0) },
    ]
  }

  /// Leads to the page with the secret, which travels sealed in a cookie.
  private func begin(_ exchange: Exchange) async throws -> Response {
    try await portal.confirmed(exchange, page: Self.page) { visitor, _ in
      let new = try await portal.services.auth.createAuthenticator(
        AuthAPI.CreateAuthenticatorRequest(), options: visitor.options(for: exchange))
      return sealed(
        "\(new.secret) \(new.uri)", as: .authenticator, in: portal.cookies.authenticator,
        to: Self.newPage, visitor)
    }
  }

  private func sealed(
    _ text: String, as purpose: SessionSeal.Purpose, in cookie: PortalCookie, to page: String,
    _ visitor: Visitor
  ) -> Response {
    var response = portal.redirect(to: page)
    if let sealed = SessionSeal(visitor)?.seal(text, as: purpose) {
      response.headers.append(
        cookie: cookie.setting(sealed, maxAgeSeconds: SessionSeal.lifetimeSeconds))
    }
    return response
  }

  /// What a cookie of these pages holds, in its parts; empty for one that is over or another's.
  private func opened(
    _ cookie: PortalCookie, as purpose: SessionSeal.Purpose, _ exchange: Exchange,
    _ visitor: Visitor
  ) -> [String] {
    cookie.value(in: exchange.headers)
      .flatMap { SessionSeal(visitor)?.open($0, as: purpose) }?
      .split(atByte: " ").map(String.init) ?? []
  }

  private func codePage(
    _ exchange: Exchange, _ visitor: Visitor, mistakes: Mistakes? = nil
  ) -> Response {
    let parts = opened(portal.cookies.authenticator, as: .authenticator, exchange, visitor)
    guard parts.count == 2 else { return portal.redirect(to: Self.page) }
    let (secret, uri) = (parts[0], parts[1])
    return portal.page(
      exchange, visitor, "second-factor",
      title: mistakes == nil ? "Authenticator app" : "Error: authenticator app",
      section: SettingsPage.section,
      [
        "mistakes": mistakes as Any, "secret": grouped(secret), "uri": uri,
        "picture": QRCode(uri)?.svg as Any,
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
        return codePage(exchange, visitor, mistakes: mistakes)
      }
      var response = try await portal.rotating(visitor, exchange) {
        toCodes(answer.codes, $0)
      }
      response.headers.append(cookie: portal.cookies.authenticator.clearing())
      return response
    }
  }

  /// Leads to the page that shows new codes, which travel sealed in a cookie.
  func toCodes(_ codes: [String], _ visitor: Visitor) -> Response {
    sealed(
      codes.joined(separator: " "), as: .recoveryCodes, in: portal.cookies.codes,
      to: Self.codesPage, visitor)
  }

  /// Shows new codes, once: the cookie that has them is cleared with this answer.
  private func shownCodes(_ exchange: Exchange, _ visitor: Visitor) -> Response {
    let codes = opened(portal.cookies.codes, as: .recoveryCodes, exchange, visitor)
    var response = portal.page(
      exchange, visitor, "recovery-codes", title: "Your recovery codes",
      section: SettingsPage.section, ["codes": codes, "hasCodes": !codes.isEmpty], isSecret: true)
    response.headers.append(cookie: portal.cookies.codes.clearing())
    return response
  }

  private func disable(_ exchange: Exchange) async throws -> Response {
    try await portal.confirmed(exchange, page: SecurityPages.page) { visitor, _ in
      _ = try await portal.services.auth.deleteSecondFactor(
        AuthAPI.DeleteSecondFactorRequest(), options: visitor.options(for: exchange))
      return try await portal.rotating(visitor, exchange) { _ in
        portal.redirect(to: SecurityPages.page, notice: Notice(.secondFactorOff))
      }
    }
  }

  private func renewCodes(_ exchange: Exchange) async throws -> Response {
    try await portal.confirmed(exchange, page: SecurityPages.page) { visitor, _ in
      let answer = try await portal.services.auth.createRecoveryCodes(
        AuthAPI.CreateRecoveryCodesRequest(), options: visitor.options(for: exchange))
      return toCodes(answer.codes, visitor)
    }
  }
}

extension Portal {
  /// Runs a form that may need the password once more: then it leads to the page that asks for it,
  /// and back to the form's own, with what was typed in the fields that are kept.
  func confirmed(
    _ exchange: Exchange, page: String, keeping kept: [String] = [],
    _ answer: @escaping @Sendable (Visitor, FormData) async throws -> Response
  ) async throws -> Response {
    try await forVisitorsForm(exchange, page: page, keeping: kept, answer)
  }

  /// Leads to the page that asks for the password, and from there back to `page`.
  func askForPassword(backTo page: String) -> Response {
    let back = ReturnAddress(page: "/confirm-password", fields: [(ReturnAddress.name, page)])
    return redirect(to: back?.text ?? "/confirm-password", notice: Notice(.confirmFirst))
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
