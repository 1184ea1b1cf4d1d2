import Backend
import Callers
import Edge
import HTTPTypes
import Protobuf
import RPC
import ServiceAPI

/// The pages that links of mails lead to, and the one that asks for such a link.
///
/// Opening one changes nothing: programs that look through mails open links too.
struct LinkPages: Sendable {
  private static let tokenBytesMax = 256
  private static let passwordLabels = ["password": "New password", "token": "Link"]

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/forgot-password", .page) { try forgotPage($0) },
      try Edge.Route(["POST"], "/forgot-password", .page) { exchange in
        try await portal.forStrangersForm(exchange) {
          try await forgot(exchange, $0, isCurrent: $1)
        }
      },
      try Edge.Route(["GET"], "/reset-password", .page) { exchange in
        try resetPage(exchange, token: token(of: exchange))
      },
      try Edge.Route(["POST"], "/reset-password", .page) { exchange in
        try await portal.forStrangersForm(exchange) {
          try await reset(exchange, $0, isCurrent: $1)
        }
      },
      try Edge.Route(["GET"], "/confirm", .page) { exchange in
        try confirmPage(exchange, token: token(of: exchange))
      },
      try Edge.Route(["POST"], "/confirm", .page) { exchange in
        try await portal.forStrangersForm(exchange) {
          try await confirm(exchange, $0, isCurrent: $1)
        }
      },
    ]
  }

  private func token(of exchange: Exchange) throws -> String {
    let token = try exchange.parameters().first { $0.name == "token" }?.value ?? ""
    return token.utf8.count <= Self.tokenBytesMax ? token : ""
  }

  // MARK: A lost password

  private func forgotPage(
    _ exchange: Exchange, email: String = "", mistakes: Mistakes? = nil
  ) throws -> Response {
    try portal.strangersPage(
      exchange, "forgot-password",
      title: mistakes == nil ? "Choose a new password" : "Error: choose a new password",
      [
        "mistakes": mistakes as Any,
        "email": Field(
          "email", "E-mail address", type: "email", value: email,
          hint: "A link goes there, if it has an account here.", autocomplete: "username",
          isPlain: true, lengthMax: 254, isFirst: true, mistakes: mistakes),
      ], status: mistakes == nil ? .ok : .unprocessableContent)
  }

  private func forgot(
    _ exchange: Exchange, _ form: FormData, isCurrent: Bool
  ) async throws -> Response {
    let email = form.trimmed("email")
    guard isCurrent else {
      return try forgotPage(exchange, email: email, mistakes: AccountPages.staleForm)
    }
    do {
      _ = try await portal.services.auth.requestPasswordReset(
        AuthAPI.RequestPasswordResetRequest(email: email), options: exchange.strangersOptions)
    } catch {
      let problem = Problem(catching: error)
      guard let mistakes = Mistakes(problem, labels: ["email": "E-mail address"]) else {
        throw problem
      }
      return try forgotPage(exchange, email: email, mistakes: mistakes)
    }
    return portal.redirect(to: "/log-in", notice: Notice(.linkSent))
  }

  private func resetPage(
    _ exchange: Exchange, token: String, mistakes: Mistakes? = nil
  ) throws -> Response {
    try portal.strangersPage(
      exchange, "reset-password",
      title: mistakes == nil ? "Choose a new password" : "Error: choose a new password",
      [
        "mistakes": mistakes as Any, "token": token, "hasToken": !token.isEmpty,
        "password": Field(
          "password", "New password", type: "password", hint: AccountPages.passwordHint,
          autocomplete: "new-password", lengthMin: AccountPages.passwordCharactersMin,
          lengthMax: AccountPages.passwordBytesMax, isFirst: true, mistakes: mistakes),
      ], status: mistakes == nil ? .ok : .unprocessableContent)
  }

  private func reset(
    _ exchange: Exchange, _ form: FormData, isCurrent: Bool
  ) async throws -> Response {
    let token = form["token"]
    guard isCurrent else {
      return try resetPage(exchange, token: token, mistakes: AccountPages.staleForm)
    }
    do {
      _ = try await portal.services.auth.resetPassword(
        AuthAPI.ResetPasswordRequest(token: token, password: form["password"]),
        options: exchange.strangersOptions)
    } catch {
      let problem = Problem(catching: error)
      guard let mistakes = Mistakes(problem, labels: Self.passwordLabels) else { throw problem }
      return try resetPage(exchange, token: token, mistakes: mistakes)
    }
    var response = portal.redirect(to: "/log-in", notice: Notice(.passwordReset))
    response.headers.append(cookie: portal.cookies.session.clearing())
    return response
  }

  // MARK: Everything else

  private func confirmPage(
    _ exchange: Exchange, token: String, mistakes: Mistakes? = nil
  ) throws -> Response {
    try portal.strangersPage(
      exchange, "confirm", title: mistakes == nil ? "Confirm" : "Error: confirm",
      ["mistakes": mistakes as Any, "token": token, "hasToken": !token.isEmpty],
      status: mistakes == nil ? .ok : .unprocessableContent)
  }

  private func confirm(
    _ exchange: Exchange, _ form: FormData, isCurrent: Bool
  ) async throws -> Response {
    let token = form["token"]
    guard isCurrent else {
      return try confirmPage(
        exchange, token: token,
        mistakes: Mistakes("This page had been open for too long. Please try once more"))
    }
    let answer: AuthAPI.RedeemLinkResponse
    do {
      answer = try await portal.services.auth.redeemLink(
        AuthAPI.RedeemLinkRequest(token: token), options: exchange.strangersOptions)
    } catch {
      let problem = Problem(catching: error)
      guard let mistakes = Mistakes(problem, labels: [:]) else { throw problem }
      return try confirmPage(exchange, token: "", mistakes: mistakes)
    }
    let notice: Notice.Kind =
      switch answer.purpose {
      case .changeEmail: .emailChanged
      case .unlock: .unlocked
      case .keepAccount: .accountKept
      default: .emailConfirmed
      }
    let isThere = try await portal.authenticator.pageVisitor(of: exchange) != nil
    var response = portal.redirect(to: isThere ? "/" : "/log-in", notice: Notice(notice))
    if !answer.deviceToken.isEmpty {
      response.headers.append(
        cookie: portal.cookies.device.setting(
          answer.deviceToken, maxAgeSeconds: PortalCookies.deviceCookieSeconds))
    }
    return response
  }
}
