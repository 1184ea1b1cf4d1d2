import Backend
import Callers
import Edge
import HTTPTypes
import Protobuf
import RPC
import ServiceAPI

/// The pages on which people see where they are logged in, and change how they log in.
struct SecurityPages: Sendable {
  struct Row: Sendable {
    let id: String
    let device: String
    let ipAddress: String
    let created: Moment?
    let lastSeen: Moment?
    let isCurrent: Bool

    init(_ session: AuthAPI.Session) {
      id = session.id
      device = session.device
      ipAddress = session.ipAddress
      created = session.createTime.map { Moment($0) }
      lastSeen = session.lastSeenTime.map { Moment($0) }
      isCurrent = session.isCurrent
    }
  }

  static let page = "/settings/security"
  private static let labels = [
    "currentPassword": "Current password", "newPassword": "New password", "email": "New address",
    "password": "Password", "code": "Code", "passkey": "Passkey",
  ]

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/settings/security", .page) { exchange in
        let email = try exchange.parameters().first { $0.name == "email" }?.value ?? ""
        return try await portal.forVisitor(exchange) {
          try await show(exchange, $0, email: email)
        }
      },
      try Edge.Route(["POST"], "/settings/security/password", .page) {
        try await changePassword($0)
      },
      try Edge.Route(["POST"], "/settings/security/email", .page) { try await changeEmail($0) },
      try Edge.Route(["POST"], "/settings/security/verification", .page) { try await verify($0) },
      try Edge.Route(["POST"], "/settings/security/sessions/{id}/end", .page) {
        try await endSession($0)
      },
      try Edge.Route(["POST"], "/settings/security/sessions/end-others", .page) {
        try await endOthers($0)
      },
      try Edge.Route(["GET"], "/confirm-password", .page) { exchange in
        try await portal.forVisitor(exchange) {
          try await confirmPage(
            exchange, $0,
            next: exchange.parameters().first {
              $0.name == ReturnAddress.name
            }?.value ?? "")
        }
      },
      try Edge.Route(["POST"], "/confirm-password", .page) { try await confirm($0) },
    ]
  }

  // MARK: The page

  private func show(
    _ exchange: Exchange, _ visitor: Visitor, email: String = "", mistakes: Mistakes? = nil
  ) async throws -> Response {
    let options = visitor.options(for: exchange)
    let auth = portal.services.auth
    let sessions = try await auth.listSessions(AuthAPI.ListSessionsRequest(), options: options)
    let factor = try await auth.getSecondFactor(
      AuthAPI.GetSecondFactorRequest(), options: options)
    let identities = await IdentityPages.rows(portal, exchange, visitor)
    let providers = await IdentityPages.providers(portal, exchange)
    return portal.page(
      exchange, visitor, "security",
      title: mistakes == nil ? "Security" : "Error: security", section: SettingsPage.section,
      [
        "mistakes": mistakes as Any, "rows": sessions.sessions.map { Row($0) },
        "identities": identities, "providers": providers,
        "hasIdentities": !identities.isEmpty || !providers.isEmpty,
        "hasOthers": sessions.sessions.count > 1, "email": visitor.account.email,
        "isVerified": visitor.account.isEmailVerified, "hasFactor": factor.isEnabled,
        "codesLeft": "\(factor.recoveryCodesLeft)",
        "hasAnyFactor": factor.isEnabled || factor.passkeyCount > 0,
        "passkeyCount": (factor.passkeyCount > 0 ? "\(factor.passkeyCount)" : nil) as Any,
        "currentPassword": Field(
          "currentPassword", "Current password", type: "password",
          autocomplete: "current-password", lengthMax: AccountPages.passwordBytesMax,
          mistakes: mistakes),
        "newPassword": Field(
          "newPassword", "New password", type: "password", hint: AccountPages.passwordHint,
          autocomplete: "new-password", lengthMin: AccountPages.passwordCharactersMin,
          lengthMax: AccountPages.passwordBytesMax, mistakes: mistakes),
        "newEmail": Field(
          "email", "New address", type: "email", value: email,
          hint: "A link goes there. Until it is used, nothing changes.", autocomplete: "email",
          isPlain: true, lengthMax: 254, mistakes: mistakes),
        "password": Field(
          "password", "Password", type: "password", autocomplete: "current-password",
          lengthMax: AccountPages.passwordBytesMax, mistakes: mistakes),
      ], status: mistakes == nil ? .ok : .unprocessableContent)
  }

  /// Runs a form of the page; what is wrong with its fields is shown on it.
  ///
  /// - Parameter rotates: It changes how its sender gets in.
  private func act(
    _ exchange: Exchange, notice: Notice.Kind, rotates: Bool = false,
    _ body: @escaping @Sendable (Visitor, FormData, CallOptions) async throws -> Void
  ) async throws -> Response {
    try await portal.confirmed(exchange, page: Self.page, keeping: ["email"]) { visitor, form in
      do {
        try await body(visitor, form, visitor.options(for: exchange))
      } catch {
        if let error = error as? RPCError, error.needsConfirmation { throw error }
        let problem = Problem(catching: error)
        guard let mistakes = Mistakes(problem, labels: Self.labels) else { throw problem }
        return try await show(
          exchange, visitor, email: form.trimmed("email"), mistakes: mistakes)
      }
      guard rotates else { return portal.redirect(to: Self.page, notice: Notice(notice)) }
      return try await portal.rotating(visitor, exchange) { _ in
        portal.redirect(to: Self.page, notice: Notice(notice))
      }
    }
  }

  private func changePassword(_ exchange: Exchange) async throws -> Response {
    try await act(exchange, notice: .passwordChanged, rotates: true) { _, form, options in
      _ = try await portal.services.auth.changePassword(
        AuthAPI.ChangePasswordRequest(
          currentPassword: form["currentPassword"], newPassword: form["newPassword"]),
        options: options)
    }
  }

  private func changeEmail(_ exchange: Exchange) async throws -> Response {
    try await act(exchange, notice: .lookIntoMail) { _, form, options in
      _ = try await portal.services.auth.requestEmailChange(
        AuthAPI.RequestEmailChangeRequest(
          email: form.trimmed("email"), password: form["password"]), options: options)
    }
  }

  private func verify(_ exchange: Exchange) async throws -> Response {
    try await act(exchange, notice: .lookIntoMail) { _, _, options in
      _ = try await portal.services.auth.sendEmailVerification(
        AuthAPI.SendEmailVerificationRequest(), options: options)
    }
  }

  private func endSession(_ exchange: Exchange) async throws -> Response {
    try await act(exchange, notice: .sessionsEnded) { _, _, options in
      _ = try await portal.services.auth.deleteSession(
        AuthAPI.DeleteSessionRequest(id: exchange.variable("id")), options: options)
    }
  }

  private func endOthers(_ exchange: Exchange) async throws -> Response {
    try await act(exchange, notice: .sessionsEnded) { _, _, options in
      _ = try await portal.services.auth.deleteOtherSessions(
        AuthAPI.DeleteOtherSessionsRequest(), options: options)
    }
  }

  // MARK: The password once more

  private func confirmPage(
    _ exchange: Exchange, _ visitor: Visitor, next: String, mistakes: Mistakes? = nil
  ) async -> Response {
    // The password is asked for all the same when nobody can tell.
    let factor = try? await portal.services.auth.getSecondFactor(
      AuthAPI.GetSecondFactorRequest(), options: visitor.options(for: exchange))
    let hasPasskey = (factor?.passkeyCount ?? 0) > 0
    let passkey = PasskeyUse(
      action: "/confirm-password", begin: PasskeyUse.confirmationBegin,
      next: ReturnAddress(next)?.text)
    return portal.page(
      exchange, visitor, "confirm-password",
      title: mistakes == nil ? "Enter your password" : "Error: enter your password", section: "",
      [
        "mistakes": mistakes as Any, "next": ReturnAddress(next)?.text as Any,
        "passkey": (hasPasskey ? passkey : nil) as Any,
        "password": Field(
          "password", "Password", type: "password", autocomplete: "current-password",
          lengthMax: AccountPages.passwordBytesMax, isFirst: true, mistakes: mistakes),
        "code": Field(
          "code", "Code of your authenticator app", hint: "Only if log-in asks you for one.",
          autocomplete: "one-time-code", isOptional: true, isPlain: true, lengthMax: 64,
          mistakes: mistakes),
      ], status: mistakes == nil ? .ok : .unprocessableContent, modules: [.passkey])
  }

  private func confirm(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitorsForm(
      exchange, page: "/confirm-password", keeping: [ReturnAddress.name]
    ) { visitor, form in
      let next = form[ReturnAddress.name]
      do {
        _ = try await portal.services.auth.confirmSession(
          AuthAPI.ConfirmSessionRequest(
            password: form["password"], code: form["code"], passkey: form.passkey),
          options: visitor.options(for: exchange))
      } catch {
        let problem = Problem(catching: error)
        guard let mistakes = Mistakes(problem, labels: Self.labels) else { throw problem }
        return await confirmPage(exchange, visitor, next: next, mistakes: mistakes)
      }
      return try await portal.rotating(visitor, exchange) { _ in
        portal.redirect(
          to: ReturnAddress(next)?.text ?? ReturnAddress.home, notice: Notice(.confirmed))
      }
    }
  }
}
