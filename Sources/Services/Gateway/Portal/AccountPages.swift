import Backend
import Callers
import Cryptography
import Edge
import FoundationEssentials
import HTTPTypes
import HummingbirdCore
import Protobuf
import RPC
import ServiceAPI

/// The pages on which people come and go.
struct AccountPages: Sendable {
  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/", .page) { try await landing($0) },
      try Edge.Route(["GET"], "/sign-up", .page) { try await signUpPage($0) },
      try Edge.Route(["POST"], "/sign-up", .page) { try await signUp($0) },
      try Edge.Route(["GET"], "/log-in", .page) { try await logInPage($0) },
      try Edge.Route(["POST"], "/log-in", .page) { try await logIn($0) },
      try Edge.Route(["POST"], "/log-out", .page) { try await logOut($0) },
    ]
  }

  private func landing(_ exchange: Exchange) async throws -> Response {
    if try await portal.authenticator.pageVisitor(of: exchange) != nil {
      return portal.redirect(to: "/providers")
    }
    return try portal.strangersPage(exchange, "landing", title: "Your AI keys in one place")
  }

  /// What people do about it is the same, whatever made the form old.
  private static let staleForm = Mistakes(
    "This page had been open for too long. Please enter your password and send it again")

  // MARK: Sign-up

  private static let signUpLabels = [
    "email": "E-mail address", "displayName": "Name", "password": "Password",
  ]

  private func signUpPage(
    _ exchange: Exchange, email: String = "", displayName: String = "", mistakes: Mistakes? = nil
  ) async throws -> Response {
    try portal.strangersPage(
      exchange, "sign-up", title: mistakes == nil ? "Sign up" : "Error: sign up",
      [
        "mistakes": mistakes as Any,
        "email": Field(
          "email", "E-mail address", type: "email", value: email, autocomplete: "username",
          isPlain: true, lengthMax: 254, mistakes: mistakes),
        "displayName": Field(
          "displayName", "Name", value: displayName, autocomplete: "name", isOptional: true,
          lengthMax: 100, mistakes: mistakes),
        "password": Field(
          "password", "Password", type: "password",
          hint: "At least 12 characters. Several unusual words work well.",
          autocomplete: "new-password", lengthMin: 12, lengthMax: 256, mistakes: mistakes),
      ], status: mistakes == nil ? .ok : .unprocessableContent)
  }

  private func signUp(_ exchange: Exchange) async throws -> Response {
    let (form, isCurrent) = try await portal.strangersForm(exchange)
    let email = form.trimmed("email")
    let displayName = form.trimmed("displayName")
    guard isCurrent else {
      return try await signUpPage(
        exchange, email: email, displayName: displayName, mistakes: Self.staleForm)
    }
    do {
      _ = try await portal.services.auth.createAccount(
        AuthAPI.CreateAccountRequest(
          email: email, password: form["password"], displayName: displayName),
        options: exchange.strangersOptions)
    } catch {
      let problem = Problem(error)
      guard let mistakes = Mistakes(problem, labels: Self.signUpLabels) else { throw problem }
      return try await signUpPage(
        exchange, email: email, displayName: displayName, mistakes: mistakes)
    }
    return portal.redirect(to: "/log-in", notice: .accountCreated)
  }

  // MARK: Log-in

  private func logInPage(
    _ exchange: Exchange, email: String = "", mistakes: Mistakes? = nil,
    status: HTTPResponse.Status = .ok
  ) async throws -> Response {
    try portal.strangersPage(
      exchange, "log-in", title: mistakes == nil ? "Log in" : "Error: log in",
      [
        "mistakes": mistakes as Any,
        "email": Field(
          "email", "E-mail address", type: "email", value: email, autocomplete: "username",
          isPlain: true, lengthMax: 254, mistakes: mistakes),
        "password": Field(
          "password", "Password", type: "password", autocomplete: "current-password",
          lengthMax: 256, mistakes: mistakes),
      ], status: status)
  }

  private func logIn(_ exchange: Exchange) async throws -> Response {
    let (form, isCurrent) = try await portal.strangersForm(exchange)
    let email = form.trimmed("email")
    guard isCurrent else {
      if try await portal.authenticator.pageVisitor(of: exchange) != nil {
        return portal.redirect(to: "/providers")
      }
      return try await logInPage(
        exchange, email: email, mistakes: Self.staleForm, status: .unprocessableContent)
    }
    let session: AuthAPI.CreateSessionResponse
    do {
      session = try await portal.services.auth.createSession(
        AuthAPI.CreateSessionRequest(email: email, password: form["password"]),
        options: exchange.strangersOptions)
    } catch {
      let problem = Problem(error)
      switch problem.status {
      case .unauthorized, .badRequest:
        // One sentence for every cause: it must not tell which addresses have accounts.
        return try await logInPage(
          exchange, email: email,
          mistakes: Mistakes("The e-mail address or the password is wrong"),
          status: .unprocessableContent)
      case .tooManyRequests:
        var page = try await logInPage(
          exchange, email: email,
          mistakes: Mistakes("Too many tries. Please wait a little and try again"),
          status: .tooManyRequests)
        page.headers[.retryAfter] = problem.headers[.retryAfter]
        return page
      default: throw problem
      }
    }
    await portal.sessionEnd.endReplaced(exchange)
    var response = portal.redirect(to: "/providers")
    response.headers.append(cookie: SessionCookieText.of(session, cookies: portal.cookies))
    response.headers.append(cookie: portal.cookies.form.clearing())
    return response
  }

  private func logOut(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitorsForm(exchange) { visitor, _ in
      _ = try await portal.services.auth.deleteCurrentSession(
        AuthAPI.DeleteCurrentSessionRequest(), options: visitor.options(for: exchange))
      var response = portal.redirect(to: "/log-in", notice: .loggedOut)
      response.headers.append(cookie: portal.cookies.session.clearing())
      return response
    }
  }
}
