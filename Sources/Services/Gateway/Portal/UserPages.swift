import Backend
import Callers
import Edge
import Encodings
import HTTPTypes
import Protobuf
import RPC
import ServiceAPI

/// The page on which admins look after accounts.
struct UserPages: Sendable {
  struct Row: Sendable {
    let email: String
    let role: String
    let state: StatePill
    let sessions: String
    let tokens: String
    let created: Moment?
    let lastSeen: Moment?
    let menu: RowMenu

    init(_ user: AuthAPI.User) {
      let account = user.account ?? AuthAPI.Account()
      email = account.email
      role = UserPages.roles.first { $0.role == account.role }?.text ?? "User"
      state =
        user.deleteTime != nil
        ? StatePill("To be deleted", .bad)
        : user.isDisabled
          ? StatePill("Disabled", .bad)
          : account.isEmailVerified ? StatePill("Active", .good) : StatePill("Unconfirmed", .warn)
      sessions = "\(user.sessionCount)"
      tokens = "\(user.accessTokenCount)"
      created = account.createTime.map { Moment($0) }
      lastSeen = user.lastSeenTime.map { Moment($0) }
      let base = "/users/\(account.id)"
      var items = UserPages.roles.filter { $0.role != account.role }.map {
        RowMenu.Item.act("Make \($0.text.lowercased())", "\(base)/role/\($0.name)")
      }
      items += [
        .act("Sign out everywhere", "\(base)/sign-out"),
        .act("Revoke all access tokens", "\(base)/revoke-tokens"), .act("Unlock", "\(base)/unlock"),
        .act("Send a link for a new password", "\(base)/reset-password"),
      ]
      if user.hasSecondFactor {
        items.append(.act("Remove the second factor", "\(base)/reset-second-factor"))
      }
      items.append(
        user.isDisabled ? .act("Enable", "\(base)/enable") : .act("Disable", "\(base)/disable"))
      items.append(
        user.deleteTime == nil
          ? .act("Delete", "\(base)/delete") : .act("Keep the account", "\(base)/restore"))
      menu = RowMenu(id: "menu-\(account.id)", name: "Actions for \(account.email)", items)
    }
  }

  static let section = "/users"
  private static let rowsPerPage: Int32 = 50
  fileprivate static let roles: [(name: String, text: String, role: AuthAPI.Account.Role)] = [
    ("user", "User", .user), ("auditor", "Auditor", .auditor), ("admin", "Admin", .admin),
  ]

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/users", .page) { exchange in
        try await portal.forVisitor(exchange) { try await list(exchange, $0) }
      },
      try Edge.Route(["POST"], "/users/invite", .page) { try await invite($0) },
      try Edge.Route(["POST"], "/users/{id}/role/{role}", .page) { try await setRole($0) },
      try Edge.Route(["POST"], "/users/{id}/{act}", .page) { try await act($0) },
    ]
  }

  private func list(
    _ exchange: Exchange, _ visitor: Visitor, invited: String = "", mistakes: Mistakes? = nil
  ) async throws -> Response {
    let parameters = exchange.method.isSafe ? try exchange.parameters() : []
    let search = parameters.first { $0.name == "email" }?.value ?? ""
    let answer = try await portal.services.auth.listUsers(
      AuthAPI.ListUsersRequest(
        pageSize: Self.rowsPerPage,
        pageToken: parameters.first { $0.name == "page" }?.value ?? "", email: search),
      options: visitor.options(for: exchange))
    let next = answer.nextPageToken
    let query = "email=\(PercentCoding.encode(search))&page=\(PercentCoding.encode(next))"
    return portal.page(
      exchange, visitor, "users", title: mistakes == nil ? "People" : "Error: people",
      section: Self.section,
      [
        "mistakes": mistakes as Any, "rows": answer.users.map { Row($0) },
        "hasRows": !answer.users.isEmpty,
        "nextPage": (next.isEmpty ? nil : "/users?\(query)") as Any,
        "search": Field(
          "email", "E-mail address contains", value: search, isOptional: true, isPlain: true,
          lengthMax: 254),
        "invitee": Field(
          "invitee", "Invite a person", type: "email", value: invited,
          hint: "A link to sign up goes there.", isPlain: true, lengthMax: 254,
          mistakes: mistakes),
      ], status: mistakes == nil ? .ok : .unprocessableContent)
  }

  private func invite(_ exchange: Exchange) async throws -> Response {
    try await portal.confirmed(exchange, page: Self.section) { visitor, form in
      let email = form.trimmed("invitee")
      do {
        _ = try await portal.services.auth.inviteUser(
          AuthAPI.InviteUserRequest(email: email), options: visitor.options(for: exchange))
      } catch {
        if let error = error as? RPCError, error.needsConfirmation { throw error }
        var problem = Problem(catching: error)
        problem.fields = problem.fields.map {
          Problem.Field(name: $0.name == "email" ? "invitee" : $0.name, detail: $0.detail)
        }
        guard let mistakes = Mistakes(problem, labels: ["invitee": "Invite a person"]) else {
          throw problem
        }
        return try await list(exchange, visitor, invited: email, mistakes: mistakes)
      }
      return portal.redirect(to: Self.section, notice: Notice(.invited))
    }
  }

  private func setRole(_ exchange: Exchange) async throws -> Response {
    try await run(exchange) { auth, id, options in
      let name = exchange.variable("role")
      guard let role = Self.roles.first(where: { $0.name == name })?.role else {
        throw Problem(.notFound)
      }
      _ = try await auth.setUserRole(
        AuthAPI.SetUserRoleRequest(user: id, role: role), options: options)
    }
  }

  private func act(_ exchange: Exchange) async throws -> Response {
    try await run(exchange) { auth, id, options in
      switch exchange.variable("act") {
      case "disable":
        _ = try await auth.disableUser(AuthAPI.DisableUserRequest(user: id), options: options)
      case "enable":
        _ = try await auth.enableUser(AuthAPI.EnableUserRequest(user: id), options: options)
      case "unlock":
        _ = try await auth.unlockUser(AuthAPI.UnlockUserRequest(user: id), options: options)
      case "sign-out":
        _ = try await auth.signOutUser(AuthAPI.SignOutUserRequest(user: id), options: options)
      case "reset-password":
        _ = try await auth.sendUserPasswordReset(
          AuthAPI.SendUserPasswordResetRequest(user: id), options: options)
      case "reset-second-factor":
        _ = try await auth.resetUserSecondFactor(
          AuthAPI.ResetUserSecondFactorRequest(user: id), options: options)
      case "delete":
        _ = try await auth.deleteUser(AuthAPI.DeleteUserRequest(user: id), options: options)
      case "revoke-tokens":
        _ = try await auth.revokeUserAccessTokens(
          AuthAPI.RevokeUserAccessTokensRequest(user: id), options: options)
      case "restore":
        _ = try await auth.restoreUser(AuthAPI.RestoreUserRequest(user: id), options: options)
      default: throw Problem(.notFound)
      }
    }
  }

  private func run(
    _ exchange: Exchange,
    _ body: @escaping @Sendable (AuthAPI.AuthClient, String, CallOptions) async throws -> Void
  ) async throws -> Response {
    try await portal.confirmed(exchange, page: Self.section) { visitor, _ in
      do {
        try await body(
          portal.services.auth, exchange.variable("id"), visitor.options(for: exchange))
      } catch {
        if let error = error as? RPCError, error.needsConfirmation { throw error }
        let problem = Problem(catching: error)
        guard let mistakes = Mistakes(problem, labels: [:]) else { throw problem }
        return try await list(exchange, visitor, mistakes: mistakes)
      }
      return portal.redirect(to: Self.section, notice: Notice(.userChanged))
    }
  }
}
