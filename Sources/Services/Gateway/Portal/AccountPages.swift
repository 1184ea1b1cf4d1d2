import Backend
import Callers
import Cryptography
import Edge
import Encodings
import FoundationEssentials
import HTTPTypes
import Logging
import Protobuf
import Providers
import RPC
import ServiceAPI

/// The pages on which people come and go.
struct AccountPages: Sendable {
  private static let codeAddress = "/log-in/code"
  private static let passkeyField = "hasPasskey"

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/", .page) { try await landing($0) },
      try Edge.Route(["GET"], "/sign-up", .page) { exchange in
        let invitation = try exchange.parameters().first { $0.name == "invitation" }?.value ?? ""
        return try await forStranger(exchange) {
          try signUpPage(
            exchange, next: $0,
            invitation: invitation.utf8.count <= Self.invitationBytesMax ? invitation : "")
        }
      },
      try Edge.Route(["POST"], "/sign-up", .page) { exchange in
        try await portal.forStrangersForm(exchange) {
          try await signUp(exchange, $0, isCurrent: $1)
        }
      },
      try Edge.Route(["GET"], "/log-in", .page) { exchange in
        try await forStranger(exchange) { try await logInPage(exchange, next: $0) }
      },
      try Edge.Route(["POST"], "/log-in", .page) { exchange in
        try await portal.forStrangersForm(exchange) {
          try await logIn(exchange, $0, isCurrent: $1)
        }
      },
      try Edge.Route(["GET"], Self.codeAddress, .page) { exchange in
        try await forStranger(exchange) { next in
          // Whoever comes here without a log-in that waits for a code begins with that.
          guard challenge(exchange) != nil else {
            return portal.redirect(to: next?.logIn ?? "/log-in")
          }
          let parameters = try exchange.parameters()
          return try codePage(
            exchange, hasPasskey: parameters.contains { $0.name == Self.passkeyField }, next: next)
        }
      },
      try Edge.Route(["POST"], Self.codeAddress, .page) { exchange in
        try await portal.forStrangersForm(exchange) {
          try await enterCode(exchange, $0, isCurrent: $1)
        }
      },
      try Edge.Route(["POST"], "/log-in/passkey", .page) { exchange in
        try await portal.forStrangersForm(exchange) {
          try await usePasskey(exchange, $0, isCurrent: $1)
        }
      },
      try Edge.Route(["GET"], "/log-out", .page) { exchange in
        try await portal.forVisitor(exchange) {
          portal.page(exchange, $0, "log-out", title: "Log out", section: "", [:])
        }
      },
      try Edge.Route(["POST"], "/log-out", .page) { try await logOut($0) },
    ]
  }

  private func landing(_ exchange: Exchange) async throws -> Response {
    if try await portal.authenticator.pageVisitor(of: exchange) != nil {
      return try await portal.forVisitor(exchange) {
        await OverviewPage(portal: portal).show(exchange, $0)
      }
    }
    let providers = portal.catalogue.providers
    return try portal.strangersPage(
      exchange, "landing", title: "Your AI keys in one place",
      [
        "count": "\(providers.count)",
        "logos": providers.map {
          ["name": $0.displayName, "svg": portal.catalogue.logo(of: $0.id).svg]
        },
      ])
  }

  /// What people do about it is the same, whatever made the form old.
  static let staleForm = Mistakes(
    "This page had been open for too long. Please enter your password and send it again")

  static let passwordHint = "At least 8 characters. Several unusual words work well."
  static let passwordCharactersMin = 8
  /// What the service takes, in bytes; browsers count characters.
  static let passwordBytesMax = 1_024
  private static let invitationBytesMax = 256

  // MARK: Sign-up

  private static let signUpLabels = [
    "email": "E-mail address", "displayName": "Name", "password": "Password",
    "invitation": "Invitation",
  ]

  /// Where a form leads after it; also kept in the form when it is shown again.
  private func next(_ text: String) -> ReturnAddress? {
    text.isEmpty ? nil : ReturnAddress(text)
  }

  /// Shows a stranger's form, and sends on whoever needs it no more.
  private func forStranger(
    _ exchange: Exchange, _ page: (ReturnAddress?) async throws -> Response
  ) async throws -> Response {
    let next = next(
      try exchange.parameters().first { $0.name == ReturnAddress.name }?.value ?? "")
    if try await portal.authenticator.pageVisitor(of: exchange) != nil {
      return portal.redirect(to: next?.text ?? ReturnAddress.home)
    }
    return try await page(next)
  }

  private func signUpPage(
    _ exchange: Exchange, next: ReturnAddress? = nil, email: String = "", displayName: String = "",
    invitation: String = "", mistakes: Mistakes? = nil
  ) throws -> Response {
    try portal.strangersPage(
      exchange, "sign-up", title: mistakes == nil ? "Sign up" : "Error: sign up",
      [
        "mistakes": mistakes as Any, "next": next?.text as Any,
        "invitation": (invitation.isEmpty ? nil : invitation) as Any,
        "email": Field(
          "email", "E-mail address", type: "email", value: email, autocomplete: "username",
          isPlain: true, lengthMax: 254, isFirst: true, mistakes: mistakes),
        "displayName": Field(
          "displayName", "Name", value: displayName, autocomplete: "name", isOptional: true,
          lengthMax: 100, mistakes: mistakes),
        "password": Field(
          "password", "Password", type: "password",
          hint: Self.passwordHint, autocomplete: "new-password",
          lengthMin: Self.passwordCharactersMin, lengthMax: Self.passwordBytesMax,
          mistakes: mistakes),
      ], status: mistakes == nil ? .ok : .unprocessableContent)
  }

  private func signUp(
    _ exchange: Exchange, _ form: FormData, isCurrent: Bool
  ) async throws -> Response {
    let email = form.trimmed("email")
    let displayName = form.trimmed("displayName")
    let next = next(form[ReturnAddress.name])
    let invitation = form["invitation"]
    guard isCurrent else {
      return try signUpPage(
        exchange, next: next, email: email, displayName: displayName, invitation: invitation,
        mistakes: Self.staleForm)
    }
    do {
      _ = try await portal.services.auth.createAccount(
        AuthAPI.CreateAccountRequest(
          email: email, password: form["password"], displayName: displayName,
          invitation: invitation),
        options: exchange.strangersOptions)
    } catch {
      let problem = Problem(error)
      guard let mistakes = Mistakes(problem, labels: Self.signUpLabels) else { throw problem }
      return try signUpPage(
        exchange, next: next, email: email, displayName: displayName, invitation: invitation,
        mistakes: mistakes)
    }
    let session: AuthAPI.CreateSessionResponse
    do {
      session = try await portal.services.auth.createSession(
        AuthAPI.CreateSessionRequest(email: email, password: form["password"]),
        options: exchange.strangersOptions)
    } catch  where error.code == .unauthenticated {
      // The address has to be confirmed first, or somebody has it: only the mail says which.
      return portal.redirect(to: next?.logIn ?? "/log-in", notice: Notice(.lookIntoMail))
    } catch {
      // The account is there all the same.
      exchange.logger.warning("nobody could be logged in after signing up")
      return portal.redirect(
        to: next?.logIn ?? "/log-in", notice: Notice(.accountCreatedOnly))
    }
    guard session.secondFactorToken.isEmpty else {
      return askForCode(session, next: next)
    }
    // Whoever came for nothing else begins with a key.
    return await enter(
      exchange, session, next ?? ReturnAddress(page: "/providers/new", fields: []),
      notice: Notice(.accountCreated))
  }

  // MARK: Log-in

  private func logInPage(
    _ exchange: Exchange, next: ReturnAddress? = nil, email: String = "",
    mistakes: Mistakes? = nil, isRefused: Bool = false, status: HTTPResponse.Status = .ok
  ) async throws -> Response {
    let providers = await IdentityPages.providers(portal, exchange)
    return try portal.strangersPage(
      exchange, "log-in", title: mistakes == nil ? "Log in" : "Error: log in",
      [
        "isRefused": isRefused, "providers": providers, "hasProviders": !providers.isEmpty,
        "mistakes": mistakes as Any, "next": next?.text as Any,
        "email": Field(
          "email", "E-mail address", type: "email", value: email, autocomplete: "username",
          isPlain: true, lengthMax: 254, isFirst: true, mistakes: mistakes),
        "password": Field(
          "password", "Password", type: "password", autocomplete: "current-password",
          lengthMax: Self.passwordBytesMax, mistakes: mistakes),
        "passkey": PasskeyUse(
          action: "/log-in/passkey", begin: PasskeyUse.logInBegin, next: next?.text),
      ], status: status, modules: [.passkey])
  }

  private func logIn(
    _ exchange: Exchange, _ form: FormData, isCurrent: Bool
  ) async throws -> Response {
    let email = form.trimmed("email")
    let next = next(form[ReturnAddress.name])
    guard isCurrent else {
      if try await portal.authenticator.pageVisitor(of: exchange) != nil {
        return portal.redirect(to: next?.text ?? ReturnAddress.home)
      }
      return try await logInPage(
        exchange, next: next, email: email, mistakes: Self.staleForm, status: .unprocessableContent)
    }
    let session: AuthAPI.CreateSessionResponse
    do {
      session = try await portal.services.auth.createSession(
        AuthAPI.CreateSessionRequest(
          email: email, password: form["password"], deviceToken: deviceToken(exchange)),
        options: exchange.strangersOptions)
    } catch {
      let problem = Problem(error)
      switch problem.status {
      case .unauthorized, .badRequest:
        let empty = Self.emptyFields(email: email, password: form["password"])
        // One sentence for every other cause: it must not tell which addresses have accounts.
        return try await logInPage(
          exchange, next: next, email: email,
          mistakes: empty ?? Mistakes("The e-mail address or the password is wrong"),
          isRefused: empty == nil,
          status: .unprocessableContent)
      case .tooManyRequests:
        let seconds = problem.headers[.retryAfter].map { "in \($0) seconds" } ?? "a little later"
        var page = try await logInPage(
          exchange, next: next, email: email,
          mistakes: Mistakes("Too many tries. Try again \(seconds)"),
          status: .tooManyRequests)
        page.headers[.retryAfter] = problem.headers[.retryAfter]
        return page
      default: throw problem
      }
    }
    guard session.secondFactorToken.isEmpty else {
      return askForCode(session, next: next)
    }
    return await enter(exchange, session, next)
  }

  // MARK: The second factor

  /// Leads to the page that asks for the code; what waits for it travels in a cookie.
  func askForCode(
    _ session: AuthAPI.CreateSessionResponse, next: ReturnAddress?
  ) -> Response {
    var fields = session.hasPasskey ? ["\(Self.passkeyField)=1"] : []
    if let next { fields.append("\(ReturnAddress.name)=\(PercentCoding.encode(next.text))") }
    let query = fields.isEmpty ? "" : "?" + fields.joined(separator: "&")
    var response = portal.redirect(to: Self.codeAddress + query)
    response.headers.append(
      cookie: portal.cookies.challenge.setting(
        session.secondFactorToken, maxAgeSeconds: PortalCookies.challengeCookieSeconds))
    return response
  }

  private func challenge(_ exchange: Exchange) -> String? {
    portal.cookies.challenge.value(in: exchange.headers)
  }

  /// - Parameter hasPasskey: The account has one, which does as well.
  private func codePage(
    _ exchange: Exchange, hasPasskey: Bool, next: ReturnAddress?, mistakes: Mistakes? = nil
  ) throws -> Response {
    let passkey = PasskeyUse(
      action: Self.codeAddress, begin: PasskeyUse.logInBegin, token: challenge(exchange),
      next: next?.text)
    return try portal.strangersPage(
      exchange, "log-in-code", title: mistakes == nil ? "Second factor" : "Error: second factor",
      [
        "mistakes": mistakes as Any, "next": next?.text as Any, "hasPasskey": hasPasskey,
        "passkey": (hasPasskey ? passkey : nil) as Any,
        "code": Field(
          "code", "Code of your authenticator app", hint: "A recovery code works too.",
          autocomplete: "one-time-code", isPlain: true, lengthMax: 64, isFirst: true,
          mistakes: mistakes),
      ], status: mistakes == nil ? .ok : .unprocessableContent, modules: [.passkey])
  }

  private func usePasskey(
    _ exchange: Exchange, _ form: FormData, isCurrent: Bool
  ) async throws -> Response {
    let next = next(form[ReturnAddress.name])
    guard isCurrent else {
      return try await logInPage(
        exchange, next: next, mistakes: Self.staleForm, status: .unprocessableContent)
    }
    do {
      let session = try await portal.services.auth.createPasskeySession(
        AuthAPI.CreatePasskeySessionRequest(
          passkey: form.passkey, deviceToken: deviceToken(exchange)),
        options: exchange.strangersOptions)
      return await enter(exchange, session, next)
    } catch {
      let problem = Problem(error)
      guard let mistakes = Mistakes(problem, labels: ["passkey": "Passkey"]) else { throw problem }
      return try await logInPage(
        exchange, next: next, mistakes: mistakes, status: .unprocessableContent)
    }
  }

  private func enterCode(
    _ exchange: Exchange, _ form: FormData, isCurrent: Bool
  ) async throws -> Response {
    let next = next(form[ReturnAddress.name])
    guard let token = challenge(exchange) else {
      return portal.redirect(to: next?.logIn ?? "/log-in", notice: Notice(.logInFirst))
    }
    let hasPasskey = !form[Self.passkeyField].isEmpty || form.passkey != nil
    guard isCurrent else {
      return try codePage(
        exchange, hasPasskey: hasPasskey, next: next,
        mistakes: Mistakes("This page had been open for too long. Please send the code again"))
    }
    do {
      let session = try await portal.services.auth.completeSession(
        AuthAPI.CompleteSessionRequest(
          token: token, code: form["code"], deviceToken: deviceToken(exchange),
          passkey: form.passkey),
        options: exchange.strangersOptions)
      return await enter(exchange, session, next)
    } catch {
      let problem = Problem(error)
      let labels = ["code": "Code", "passkey": "Passkey"]
      guard let mistakes = Mistakes(problem, labels: labels) else { throw problem }
      return try codePage(exchange, hasPasskey: hasPasskey, next: next, mistakes: mistakes)
    }
  }

  private func deviceToken(_ exchange: Exchange) -> String {
    portal.cookies.device.value(in: exchange.headers) ?? ""
  }

  /// What is missing; nil when nothing is.
  private static func emptyFields(email: String, password: String) -> Mistakes? {
    var items: [Mistakes.Item] = []
    if email.isEmpty {
      items.append(.init("email", label: "E-mail address", "Enter your e-mail address"))
    }
    if password.isEmpty {
      items.append(.init("password", label: "Password", "Enter your password"))
    }
    return items.isEmpty ? nil : Mistakes(items: items)
  }

  /// The session begins, and the person goes on.
  func enter(
    _ exchange: Exchange, _ session: AuthAPI.CreateSessionResponse, _ next: ReturnAddress?,
    notice: Notice? = nil
  ) async -> Response {
    await portal.sessionEnd.endReplaced(exchange)
    var response = portal.redirect(to: next?.text ?? ReturnAddress.home, notice: notice)
    response.headers.append(cookie: SessionCookieText.of(session, cookies: portal.cookies))
    response.headers.append(cookie: portal.cookies.form.clearing())
    if challenge(exchange) != nil {
      response.headers.append(cookie: portal.cookies.challenge.clearing())
    }
    if !session.deviceToken.isEmpty {
      response.headers.append(
        cookie: portal.cookies.device.setting(
          session.deviceToken, maxAgeSeconds: PortalCookies.deviceCookieSeconds))
    }
    return response
  }

  private func logOut(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitorsForm(exchange, page: "/log-out") { visitor, _ in
      _ = try await portal.services.auth.deleteCurrentSession(
        AuthAPI.DeleteCurrentSessionRequest(), options: visitor.options(for: exchange))
      var response = portal.redirect(to: "/log-in", notice: Notice(.loggedOut))
      response.headers.append(cookie: portal.cookies.session.clearing())
      return response
    }
  }
}
