import Backend
import Edge
import Encodings
import FoundationEssentials
import HTTPTypes
import Protobuf
import RPC
import ServiceAPI

/// The pages on which people give applications access and take it back.
struct AccessTokenPages: Sendable {
  struct Row: Sendable {
    let id: String
    let name: String
    let prefix: String
    let scope: String
    let created: Moment?
    let ends: Moment?
    let lastUse: Moment?
    let lastUseAddress: String?
    /// Such as `openai, anthropic`; nil where there is no limit.
    let providers: String?
    let labels: String?
    let models: String?
    let networks: String?
    let oldSecretEnds: Moment?

    init(_ token: AuthAPI.AccessToken) {
      func list(_ words: [String]?) -> String? {
        (words ?? []).isEmpty ? nil : words?.joined(separator: ", ")
      }
      lastUseAddress = token.lastUseAddress.isEmpty ? nil : token.lastUseAddress
      providers = list(token.limits?.providers)
      labels = list(token.limits?.labels)
      models = list(token.limits?.models)
      networks = list(token.limits?.networks)
      oldSecretEnds = token.oldSecretExpireTime.map { Moment($0) }
      id = token.id
      name = token.name
      prefix = token.prefix
      scope = AccessTokenPages.text(of: token.scopes)
      created = token.createTime.map { Moment($0) }
      ends = token.expireTime.map { Moment($0) }
      lastUse = token.lastUseTime.map { Moment($0) }
    }
  }

  static let section = "/access-tokens"
  static let rowsPerPage: Int32 = 25
  /// Pages that are searched for one token by its id.
  static let searchedPagesMax = 20
  private static let labels = [
    "name": "Name", "scopes": "May", "expiresIn": "Valid for", "until": "Last day",
    "limits": "Only for",
  ]
  private static let validities: [(value: String, text: String)] = [
    ("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "1 year"),
    ("date", "Until the date below"), ("", "Until I revoke it"),
  ]
  /// What a token may do, by the form's value: its scopes.
  private static let scopeChoices:
    [(value: String, text: String, scopes: [AuthAPI.AccessToken.Scope])] = [
      ("use", "Use my keys", [.use]),
      ("use manage", "Use and change my keys and tokens", [.use, .manage]),
      ("use read-audit", "Use my keys, read my audit log", [.use, .readAudit]),
      ("manage", "Change my keys and tokens", [.manage]),
      ("read-audit", "Read my audit log", [.readAudit]),
      ("all", "All of this", [.use, .manage, .readAudit]),
    ]
  private static let scopeDefault = "use"
  private static let secondsPerDay: Int64 = 86_400

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/access-tokens", .page) { exchange in
        // Filled in when the page that asks for the password has led back here.
        let typed = Dictionary(
          try exchange.parameters().map { ($0.name, $0.value) },
          uniquingKeysWith: { first, _ in first })
        return try await portal.forVisitor(exchange) {
          try await list(
            exchange, $0, name: typed["name"] ?? "",
            scope: typed["scopes"] ?? Self.scopeDefault, validity: typed["expiresIn"] ?? "90",
            until: typed["until"] ?? "")
        }
      },
      try Edge.Route(["POST"], "/access-tokens", .page) { try await create($0) },
      try Edge.Route(["GET"], "/access-tokens/new/{id}", .page) { try await createdPage($0) },
      try Edge.Route(["GET"], "/access-tokens/{id}", .page) { try await tokenPage($0) },
      try Edge.Route(["POST"], "/access-tokens/{id}/rotate", .page) { try await rotate($0) },
      try Edge.Route(["GET"], "/access-tokens/{id}/revoke", .page) { try await revokePage($0) },
      try Edge.Route(["POST"], "/access-tokens/{id}/revoke", .page) { try await revoke($0) },
    ]
  }

  private func list(
    _ exchange: Exchange, _ visitor: Visitor, name: String = "",
    scope: String = AccessTokenPages.scopeDefault,
    validity: String = "90", until: String = "", limits: [String: String] = [:],
    mistakes: Mistakes? = nil
  ) async throws -> Response {
    let pageToken = try exchange.parameters().first { $0.name == "page" }?.value ?? ""
    let answer = try await portal.services.auth.listAccessTokens(
      AuthAPI.ListAccessTokensRequest(pageSize: Self.rowsPerPage, pageToken: pageToken),
      options: visitor.options(for: exchange))
    let rows = answer.accessTokens.map { Row($0) }
    let next = answer.nextPageToken
    return portal.page(
      exchange, visitor, "access-tokens",
      title: mistakes == nil ? "Access tokens" : "Error: access tokens", section: Self.section,
      [
        "mistakes": mistakes as Any, "rows": rows, "hasRows": !rows.isEmpty,
        "tokenName": Field(
          "name", "Name", value: name,
          hint: "The application that will use it, e.g. notebook or billing-service.",
          lengthMax: 100,
          mistakes: mistakes),
        "scope": Choice(
          "scopes", "May", Self.scopeChoices.map { ($0.value, $0.text) }, selected: scope,
          hint: "An application that only calls providers needs no more than the first.",
          mistakes: mistakes),
        "validity": Choice(
          "expiresIn", "Valid for", Self.validities, selected: validity, mistakes: mistakes),
        "until": Field(
          "until", "Last day", type: "date", value: until,
          hint: "In UTC; only with “Until the date below”.",
          isOptional: true, mistakes: mistakes),
        "limits": Self.limitFields.map { field in
          Field(
            field.name, field.label, value: limits[field.name] ?? "", hint: field.hint,
            isOptional: true, isPlain: true, lengthMax: 4_096)
        }, "hasLimits": !limits.values.allSatisfy(\.isEmpty),
        "pager": Pager(
          text: "", first: pageToken.isEmpty ? nil : Self.section,
          older: next.isEmpty ? nil : "\(Self.section)?page=\(PercentCoding.encode(next))"),
      ], status: mistakes == nil ? .ok : .unprocessableContent)
  }

  /// Leads to the page that shows the token once: a reload makes no other.
  private func create(_ exchange: Exchange) async throws -> Response {
    try await portal.confirmed(
      exchange, page: Self.section, keeping: ["name", "scopes", "expiresIn", "until"]
    ) { visitor, form in
      try await create(exchange, visitor, form)
    }
  }

  private func create(
    _ exchange: Exchange, _ visitor: Visitor, _ form: FormData
  ) async throws -> Response {
    let name = form.trimmed("name")
    let scope = form["scopes"].isEmpty ? Self.scopeDefault : form["scopes"]
    let validity = form["expiresIn"]
    let answer: AuthAPI.CreateAccessTokenResponse
    do {
      guard let choice = Self.validities.first(where: { $0.value == validity }) else {
        throw Problem.invalid("expiresIn", "must be one of the choices")
      }
      guard let scopes = Self.scopeChoices.first(where: { $0.value == scope })?.scopes else {
        throw Problem.invalid("scopes", "must be one of the choices")
      }
      let seconds =
        choice.value == "date"
        ? try Self.secondsUntil(form["until"])
        : Int64(choice.value).map { $0 * Self.secondsPerDay }
      answer = try await portal.services.auth.createAccessToken(
        AuthAPI.CreateAccessTokenRequest(
          name: name,
          expiresIn: seconds.map { ProtoDuration(seconds: $0, nanos: 0) },
          scopes: scopes, limits: Self.limits(form), isEndless: seconds == nil),
        options: visitor.options(for: exchange))
    } catch {
      if let error = error as? RPCError, error.needsConfirmation { throw error }
      let problem = Problem(catching: error)
      guard let mistakes = Mistakes(problem, labels: Self.labels) else { throw problem }
      return try await list(
        exchange, visitor, name: name, scope: scope, validity: validity,
        until: form["until"],
        limits: Dictionary(uniqueKeysWithValues: Self.limitFields.map { ($0.name, form[$0.name]) }),
        mistakes: mistakes)
    }
    return shown(answer, visitor)
  }

  /// Leads to the page that shows a token's secret once.
  private func shown(
    _ answer: AuthAPI.CreateAccessTokenResponse, _ visitor: Visitor
  ) -> Response {
    let id = answer.accessToken?.id ?? ""
    var response = portal.redirect(to: "/access-tokens/new/\(PercentCoding.encode(id))")
    if let sealed = SessionSeal(visitor)?.seal("\(id) \(answer.token)", as: .newToken) {
      response.headers.append(
        cookie: portal.cookies.token.setting(
          sealed, maxAgeSeconds: SessionSeal.lifetimeSeconds))
    }
    return response
  }

  private static let limitFields: [(name: String, label: String, hint: String)] = [
    ("providers", "Only these providers", "Such as openai, anthropic."),
    ("labels", "Only keys with these labels", "Such as default, team."),
    (
      "models", "Only these models",
      "As requests name them, such as gpt-4o*, claude-sonnet-4; * stands for anything at the end."
    ),
    ("networks", "Only from these addresses", "Such as 192.0.2.7, 198.51.100.0/24, 2001:db8::/32."),
  ]

  /// Words between commas, spaces or lines.
  private static func limits(_ form: FormData) -> AuthAPI.AccessLimits {
    func words(_ name: String) -> [String] {
      form[name].utf8.split { [0x20, 0x09, 0x0A, 0x0D, UInt8(ascii: ",")].contains($0) }
        .map { String(Substring($0)) }
    }
    return AuthAPI.AccessLimits(
      providers: words("providers"), labels: words("labels"), models: words("models"),
      networks: words("networks"))
  }

  /// Gives a token another secret, which is shown once; the old one works on for a day.
  private func rotate(_ exchange: Exchange) async throws -> Response {
    let page = "/access-tokens/\(PercentCoding.encode(exchange.variable("id")))"
    return try await portal.confirmed(exchange, page: page) { visitor, form in
      let overlap = form["atOnce"] == "yes" ? ProtoDuration(seconds: 0, nanos: 0) : nil
      let answer = try await portal.services.auth.rotateAccessToken(
        AuthAPI.RotateAccessTokenRequest(id: exchange.variable("id"), overlap: overlap),
        options: visitor.options(for: exchange))
      return shown(answer, visitor)
    }
  }

  /// From now to the end of a day; `text` is what a browser's date field sends.
  private static func secondsUntil(_ text: String) throws(Problem) -> Int64 {
    guard text.utf8.count == 10,
      let end = try? Timestamp(json: .string("\(text)T23:59:59Z"), field: "until")
    else {
      throw .invalid("until", "Enter the date")
    }
    let seconds = end.seconds - Int64(Date().timeIntervalSince1970)
    guard seconds > 0 else { throw .invalid("until", "Choose a day that is not over") }
    return seconds
  }

  /// Shows a new token, once: the cookie that has it is cleared with this answer.
  private func createdPage(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitor(exchange) { visitor in
      let row = Row(try await stored(exchange, visitor))
      let opened = portal.cookies.token.value(in: exchange.headers)
        .flatMap { SessionSeal(visitor)?.open($0, as: .newToken) }
      let parts = opened.map { $0.split(atByte: " ", maxSplits: 1).map(String.init) } ?? []
      // Of another token than the address names, none is shown.
      let token = parts.count == 2 && parts[0] == row.id ? parts[1] : nil
      let provider = try await firstProvider(exchange, visitor)
      var response = portal.page(
        exchange, visitor, "access-token-created", title: "Your new access token",
        section: Self.section,
        [
          "id": row.id, "name": row.name, "token": token as Any, "firstUse": row.lastUse as Any,
          "snippets": Snippets(
            origin: portal.publicOrigin, provider: provider.id, label: provider.label,
            token: token, hasAnthropic: true),
        ], modules: [.live], isSecret: true)
      response.headers.append(cookie: portal.cookies.token.clearing())
      return response
    }
  }

  /// Whose snippets are shown: the visitor's first key, or OpenAI's where there is none.
  private func firstProvider(
    _ exchange: Exchange, _ visitor: Visitor
  ) async throws -> (id: String, label: String) {
    let answer = try? await portal.services.vault.listProviderConfigs(
      VaultAPI.ListProviderConfigsRequest(pageSize: 1, pageToken: ""),
      options: visitor.options(for: exchange))
    return answer?.providerConfigs.first.map { ($0.provider, $0.label) } ?? ("openai", "")
  }

  private func tokenPage(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitor(exchange) { visitor in
      let row = Row(try await stored(exchange, visitor))
      let derived = try await portal.services.auth.listAccessTokens(
        AuthAPI.ListAccessTokensRequest(pageSize: Self.rowsPerPage, parentId: row.id),
        options: visitor.options(for: exchange))
      return portal.page(
        exchange, visitor, "access-token", title: row.name, section: Self.section,
        [
          "id": row.id, "name": row.name, "prefix": row.prefix, "scope": row.scope,
          "created": row.created as Any, "ends": row.ends as Any, "lastUse": row.lastUse as Any,
          "lastUseAddress": row.lastUseAddress as Any, "providers": row.providers as Any,
          "labels": row.labels as Any, "models": row.models as Any,
          "networks": row.networks as Any, "derived": derived.accessTokens.map { Row($0) },
          "hasDerived": !derived.accessTokens.isEmpty, "oldSecretEnds": row.oldSecretEnds as Any,
        ])
    }
  }

  /// In words; scopes that this version has none for are left out.
  fileprivate static func text(of scopes: [AuthAPI.AccessToken.Scope]) -> String {
    scopes.compactMap { scope in
      switch scope {
      case .use: "use keys"
      case .manage: "change keys and tokens"
      case .readAudit: "read the log"
      case .unspecified, .unrecognized: nil
      }
    }.joined(separator: ", ")
  }

  private func revokePage(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitor(exchange) { visitor in
      let row = Row(try await stored(exchange, visitor))
      return portal.page(
        exchange, visitor, "access-token-revoke", title: "Revoke an access token",
        section: Self.section, ["id": row.id, "name": row.name, "prefix": row.prefix])
    }
  }

  private func stored(_ exchange: Exchange, _ visitor: Visitor) async throws -> AuthAPI.AccessToken
  {
    var request = AuthAPI.ListAccessTokensRequest(pageSize: 200, pageToken: "")
    for _ in 0..<Self.searchedPagesMax {
      let answer = try await portal.services.auth.listAccessTokens(
        request, options: visitor.options(for: exchange))
      if let token = answer.accessTokens.first(where: { $0.id == exchange.variable("id") }) {
        return token
      }
      guard !answer.nextPageToken.isEmpty else { break }
      request.pageToken = answer.nextPageToken
    }
    throw Problem(.notFound)
  }

  private func revoke(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitorsForm(exchange, page: Self.section) { visitor, _ in
      _ = try await portal.services.auth.deleteAccessToken(
        AuthAPI.DeleteAccessTokenRequest(id: exchange.variable("id")),
        options: visitor.options(for: exchange))
      return portal.redirect(to: "/access-tokens", notice: Notice(.tokenRevoked))
    }
  }
}
