import Backend
import Callers
import Edge
import Encodings
import HTTPTypes
import Protobuf
import RPC
import ServiceAPI

/// The pages on which people add, rename and remove their passkeys.
struct PasskeyPages: Sendable {
  struct Row: Sendable {
    let id: String
    let name: String
    let created: Moment?
    let lastUsed: Moment?
    let isSynced: Bool

    init(_ passkey: AuthAPI.Passkey) {
      id = passkey.id
      name = passkey.name
      created = passkey.createTime.map { Moment($0) }
      lastUsed = passkey.lastUseTime.map { Moment($0) }
      isSynced = passkey.isSynced
    }
  }

  private static let page = "/settings/passkeys"
  private static let nameCharactersMax = 100
  private static let labels = ["name": "Name", "passkey": "Passkey"]

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/settings/passkeys", .page) { exchange in
        try await portal.forVisitor(exchange) { try await list(exchange, $0) }
      },
      try Edge.Route(["POST"], "/settings/passkeys", .page) { try await add($0) },
      try Edge.Route(["GET"], "/settings/passkeys/{id}", .page) { exchange in
        try await portal.forVisitor(exchange) { try await show(exchange, $0) }
      },
      try Edge.Route(["POST"], "/settings/passkeys/{id}/rename", .page) { try await rename($0) },
      try Edge.Route(["POST"], "/settings/passkeys/{id}/remove", .page) { try await remove($0) },
    ]
  }

  private func passkeys(
    _ exchange: Exchange, _ visitor: Visitor
  ) async throws -> [AuthAPI.Passkey] {
    try await portal.services.auth.listPasskeys(
      AuthAPI.ListPasskeysRequest(), options: visitor.options(for: exchange)
    ).passkeys
  }

  private func nameField(_ value: String, _ mistakes: Mistakes?) -> Field {
    Field(
      "name", "Name", value: value, hint: "So that you know it again, e.g. the device's name.",
      lengthMax: Self.nameCharactersMax, mistakes: mistakes)
  }

  private func list(
    _ exchange: Exchange, _ visitor: Visitor, name: String = "", mistakes: Mistakes? = nil
  ) async throws -> Response {
    let rows = try await passkeys(exchange, visitor).map { Row($0) }
    return portal.page(
      exchange, visitor, "passkeys", title: mistakes == nil ? "Passkeys" : "Error: passkeys",
      section: SettingsPage.section,
      [
        "rows": rows, "hasRows": !rows.isEmpty, "mistakes": mistakes as Any,
        "name": nameField(name, mistakes),
      ], status: mistakes == nil ? .ok : .unprocessableContent, modules: [.passkey])
  }

  private func add(_ exchange: Exchange) async throws -> Response {
    try await portal.confirmed(exchange, page: Self.page) { visitor, form in
      let answer: AuthAPI.CreatePasskeyResponse
      do {
        answer = try await portal.services.auth.createPasskey(
          AuthAPI.CreatePasskeyRequest(
            name: form.trimmed("name"), clientData: form.base64("clientData"),
            attestationObject: form.base64("attestationObject")),
          options: visitor.options(for: exchange))
      } catch {
        let problem = Problem(catching: error)
        guard !((error as? RPCError)?.needsConfirmation ?? false),
          let mistakes = Mistakes(problem, labels: Self.labels)
        else { throw error }
        return try await list(exchange, visitor, name: form.trimmed("name"), mistakes: mistakes)
      }
      guard answer.recoveryCodes.isEmpty else {
        return try await portal.rotating(visitor, exchange) {
          SecondFactorPages(portal: portal).toCodes(answer.recoveryCodes, $0)
        }
      }
      return try await portal.rotating(visitor, exchange) { _ in
        portal.redirect(to: Self.page, notice: Notice(.passkeyAdded))
      }
    }
  }

  private func show(
    _ exchange: Exchange, _ visitor: Visitor, name: String? = nil, mistakes: Mistakes? = nil
  ) async throws -> Response {
    let id = exchange.variable("id")
    guard let passkey = try await passkeys(exchange, visitor).first(where: { $0.id == id }) else {
      throw Problem(.notFound, "there is no such passkey")
    }
    return portal.page(
      exchange, visitor, "passkey", title: passkey.name, section: SettingsPage.section,
      [
        "id": id, "title": passkey.name, "mistakes": mistakes as Any,
        "name": nameField(name ?? passkey.name, mistakes),
      ], status: mistakes == nil ? .ok : .unprocessableContent)
  }

  private func rename(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitorsForm(exchange, page: Self.page) { visitor, form in
      do {
        _ = try await portal.services.auth.renamePasskey(
          AuthAPI.RenamePasskeyRequest(id: exchange.variable("id"), name: form.trimmed("name")),
          options: visitor.options(for: exchange))
      } catch {
        let problem = Problem(catching: error)
        guard let mistakes = Mistakes(problem, labels: Self.labels) else { throw problem }
        return try await show(exchange, visitor, name: form.trimmed("name"), mistakes: mistakes)
      }
      return portal.redirect(to: Self.page, notice: Notice(.passkeyRenamed))
    }
  }

  private func remove(_ exchange: Exchange) async throws -> Response {
    try await portal.confirmed(exchange, page: Self.page) { visitor, _ in
      _ = try await portal.services.auth.deletePasskey(
        AuthAPI.DeletePasskeyRequest(id: exchange.variable("id")),
        options: visitor.options(for: exchange))
      return try await portal.rotating(visitor, exchange) { _ in
        portal.redirect(to: Self.page, notice: Notice(.passkeyRemoved))
      }
    }
  }
}

/// The form with which a passkey is used, as its template draws it.
struct PasskeyUse: Sendable {
  /// Where the form goes.
  let action: String
  /// Where the challenge comes from.
  let begin: String
  /// Of a log-in that waits for its second factor.
  var token: String?
  var next: String?

  static let logInBegin = "/api/v1/sessions:beginPasskey"
  static let confirmationBegin = "/api/v1/sessions/current:beginPasskey"
}

extension FormData {
  /// The bytes of a field in base64url; none for what is not.
  func base64(_ name: String) -> [UInt8] { Base64.url.decode(self[name]) ?? [] }

  /// What the browser has answered for a passkey; nil when the form is about something else.
  var passkey: AuthAPI.PasskeyAssertion? {
    guard !self["credentialId"].isEmpty else { return nil }
    return AuthAPI.PasskeyAssertion(
      credentialId: base64("credentialId"), clientData: base64("clientData"),
      authenticatorData: base64("authenticatorData"), signature: base64("signature"),
      userHandle: base64("userHandle"))
  }
}
