import Backend
import Cryptography
import DotEnv
import Edge
import Encodings
import EnvImport
import HTTPTypes
import Providers
import RPC
import ServiceAPI

/// Moves the keys of an environment file into the vault: first a plan, then what of it was chosen.
///
/// The text is kept sealed for its session; nothing is stored before it is chosen.
struct ImportPage: Sendable {
  static let address = "/providers/import"

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], Self.address, .page) { exchange in
        try await portal.forVisitor(exchange) { visitor in
          try await result(exchange, visitor)
        }
      },
      try Edge.Route(["POST"], Self.address, .page) { try await take($0) },
      try Edge.Route(["GET"], "/providers/import/{id}", .page) { exchange in
        try await portal.forVisitor(exchange) { try await plan(exchange, $0) }
      },
      try Edge.Route(["POST"], "/providers/import/{id}", .page) { try await apply($0) },
    ]
  }

  /// The empty form, behind an import with what came of it.
  private func result(_ exchange: Exchange, _ visitor: Visitor) async throws -> Response {
    var (done, undo): (String?, [String]) = (nil, [])
    for (name, value) in try exchange.parameters() {
      switch name {
      case "done": done = SessionSeal(visitor)?.open(value, as: .importResult)
      case "undo": undo.append("id=\(PercentCoding.encode(value))")
      default: break
      }
    }
    let address = undo.isEmpty ? nil : "/providers/delete?\(undo.joined(separator: "&"))"
    return page(exchange, visitor, ["done": done as Any, "undo": address as Any])
  }

  private func page(
    _ exchange: Exchange, _ visitor: Visitor, _ content: [String: Any],
    mistakes: Mistakes? = nil
  ) -> Response {
    var content = content
    content["mistakes"] = mistakes
    return portal.page(
      exchange, visitor, "import",
      title: mistakes == nil ? "Import a .env file" : "Error: import a .env file",
      section: KeyListPage.section, content, status: mistakes == nil ? .ok : .unprocessableContent,
      isSecret: true)
  }

  private func mistake(_ exchange: Exchange, _ visitor: Visitor, _ text: String) -> Response {
    page(exchange, visitor, [:], mistakes: Mistakes(items: [.init("env", label: "File", text)]))
  }

  // MARK: Plan

  /// Takes the file, and leads to its plan.
  private func take(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitorsForm(exchange, page: Self.address) { visitor, form in
      let text = form["file"].isEmpty ? form["env"] : form["file"]
      guard text.utf8.contains(where: { $0 > 0x20 }) else {
        return mistake(exchange, visitor, "Choose the file, or paste its text")
      }
      do {
        _ = try DotEnvFile(parsing: SecretBytes(utf8: text))
      } catch {
        return mistake(exchange, visitor, "\(error)")
      }
      guard let sealed = SessionSeal(visitor)?.seal(text, as: .typedFile) else {
        return mistake(
          exchange, visitor,
          "It is larger than \(SessionSeal.textBytesMax) bytes: use chatelaine env import")
      }
      let id = portal.keptFiles.keep(sealed, of: visitor.account.id)
      return portal.redirect(to: "\(Self.address)/\(id)")
    }
  }

  /// The file of this address with what is stored already; nil when it is kept no longer.
  private func choices(
    _ exchange: Exchange, _ visitor: Visitor
  ) async throws -> ImportChoices? {
    let id = exchange.variable("id")
    guard let sealed = portal.keptFiles.sealed(id, of: visitor.account.id),
      let text = SessionSeal(visitor)?.open(sealed, as: .typedFile),
      let file = try? DotEnvFile(parsing: SecretBytes(utf8: text))
    else { return nil }
    return ImportChoices(
      ImportPlan(file.entries, catalogue: portal.catalogue),
      stored: try await KeyListPage(portal: portal).all(exchange, visitor))
  }

  private func over() -> Response {
    portal.redirect(to: Self.address, notice: Notice(.fileOver))
  }

  private func plan(
    _ exchange: Exchange, _ visitor: Visitor, mistakes: Mistakes? = nil, form: FormData? = nil
  ) async throws -> Response {
    guard let choices = try await choices(exchange, visitor) else { return over() }
    let rows = choices.rows(form)
    return page(
      exchange, visitor,
      [
        "rows": rows, "hasRows": true, "id": exchange.variable("id"),
        "hasCandidates": !choices.plan.candidates.isEmpty,
      ], mistakes: mistakes)
  }

  // MARK: Apply

  private func apply(_ exchange: Exchange) async throws -> Response {
    let id = exchange.variable("id")
    return try await portal.forVisitorsForm(exchange, page: "\(Self.address)/\(id)") {
      visitor, form in
      guard let choices = try await choices(exchange, visitor) else { return over() }
      let wrong = choices.mistakes(form)
      guard wrong.isEmpty else {
        return try await plan(exchange, visitor, mistakes: Mistakes(items: wrong), form: form)
      }
      var result = ImportResult()
      for index in choices.plan.candidates.indices {
        let candidate = choices.plan.candidates[index]
        do {
          if let url = candidate.baseURL { try portal.checkEndpoint(url.description) }
          switch choices.choice(at: index, form) {
          case .leave: break
          case .store(let label):
            result.stored.append(try await store(candidate, as: label, exchange, visitor))
          case .replace(let config):
            try await replace(config, by: candidate, exchange, visitor)
            result.replacedCount += 1
          }
        } catch {
          if let error = error as? RPCError, error.needsConfirmation { throw error }
          let problem = Problem(catching: error)
          guard problem.status.kind == .clientError else { throw problem }
          result.others.append(
            "\(choices.target(candidate)): \(problem.fields.first?.detail ?? problem.detail).")
        }
      }
      portal.keptFiles.forget(id, of: visitor.account.id)
      return portal.redirect(to: Self.address + result.query(SessionSeal(visitor)))
    }
  }

  private func store(
    _ candidate: ImportPlan.Candidate, as label: String, _ exchange: Exchange, _ visitor: Visitor
  ) async throws -> String {
    let request = candidate.key.withUTF8String { key in
      VaultAPI.CreateProviderConfigRequest(
        provider: candidate.provider.id, label: label, apiKey: key,
        baseUrl: candidate.baseURL?.description)
    }
    return try await portal.services.vault.createProviderConfig(
      request, options: visitor.options(for: exchange)
    ).id
  }

  /// The file's key takes the stored one's place, with the address that the file has for it: a key
  /// goes nowhere that its file doesn't name.
  private func replace(
    _ config: VaultAPI.ProviderConfig, by candidate: ImportPlan.Candidate, _ exchange: Exchange,
    _ visitor: Visitor
  ) async throws {
    let request = candidate.key.withUTF8String { key in
      VaultAPI.UpdateProviderConfigRequest(
        id: config.id, apiKey: key, baseUrl: candidate.baseURL?.description ?? "")
    }
    _ = try await portal.services.vault.updateProviderConfig(
      request, options: visitor.options(for: exchange))
  }
}

/// What came of an import, for the page behind it.
private struct ImportResult {
  /// Ids; they can be taken back together.
  var stored: [String] = []
  var replacedCount = 0
  /// What was not done, in words.
  var others: [String] = []

  func query(_ seal: SessionSeal?) -> String {
    var words = [stored.count == 1 ? "1 key is stored." : "\(stored.count) keys are stored."]
    if replacedCount > 0 {
      words.append(replacedCount == 1 ? "1 is replaced." : "\(replacedCount) are replaced.")
    }
    let sealed = seal?.seal((words + others).joined(separator: " "), as: .importResult) ?? ""
    return "?done=\(sealed)" + stored.map { "&undo=\(PercentCoding.encode($0))" }.joined()
  }
}
