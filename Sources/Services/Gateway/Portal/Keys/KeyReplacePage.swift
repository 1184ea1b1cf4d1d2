import Backend
import Edge
import FoundationEssentials
import HTTPTypes
import KeyTesting
import Protobuf
import Providers
import RPC
import ServiceAPI

/// Replaces a key without a gap, in three steps: put the new one beside it, test it, switch.
struct KeyReplacePage: Sendable {
  /// For how long the key that was used still may be, by what the form sends: seconds.
  private static let overlaps: [(seconds: Int64, text: String)] = [
    (86_400, "For a day"), (3_600, "For an hour"), (604_800, "For a week"),
    (0, "Not at all: destroy it at once"),
  ]

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/providers/{id}/replace", .page) { exchange in
        try await portal.forVisitor(exchange) { visitor in
          try await page(exchange, visitor, try await stored(exchange, visitor))
        }
      },
      try Edge.Route(["POST"], "/providers/{id}/replace/{act}", .page) { try await act($0) },
    ]
  }

  private func stored(
    _ exchange: Exchange, _ visitor: Visitor
  ) async throws -> VaultAPI.ProviderConfig {
    try await portal.services.vault.getProviderConfig(
      VaultAPI.GetProviderConfigRequest(id: exchange.variable("id")),
      options: visitor.options(for: exchange))
  }

  private func page(
    _ exchange: Exchange, _ visitor: Visitor, _ config: VaultAPI.ProviderConfig,
    mistakes: Mistakes? = nil, mayStoreAnyway: Bool = false
  ) async throws -> Response {
    let name = "\(portal.catalogue.name(of: config.provider)), \(config.label)"
    let result = try exchange.parameters().first { $0.name == "test" }
      .flatMap { SessionSeal(visitor)?.open($0.value, as: .testResult) }
    let second = config.secondKey
    var content: [String: Any] = [
      "id": config.id, "name": name, "etag": config.etag,
      "maskedKey": config.maskedKey.isEmpty ? "none" : config.maskedKey,
      "mayStoreAnyway": mayStoreAnyway,
      "apiKey": ProviderForm().keyField(
        hint:
          "It is sealed at once; no page shows it again. Applications go on with the present one.",
        isOptional: false, mistakes),
      "overlap": Choice(
        "overlap", "Use the present key if the provider refuses the new one",
        Self.overlaps.map { ("\($0.seconds)", $0.text) },
        selected: "86400"),
    ]
    content["mistakes"] = mistakes
    content["testResult"] = result
    content["isFallback"] =
      config.fallbackTime.map { $0.seconds > Int64(Date().timeIntervalSince1970) } ?? false
    content["next"] = second.flatMap { $0.role == .next ? $0.maskedKey : nil }
    content["previous"] = second.flatMap { $0.role == .previous ? $0.maskedKey : nil }
    content["hasNone"] = second == nil
    content["end"] = second?.endTime.map { Moment($0) }
    return portal.page(
      exchange, visitor, "key-replace",
      title: (mistakes == nil ? "" : "Error: ") + "Replace the key of \(name)",
      section: KeyListPage.section, content, status: mistakes == nil ? .ok : .unprocessableContent)
  }

  private func act(_ exchange: Exchange) async throws -> Response {
    let id = exchange.variable("id")
    let address = "/providers/\(id)/replace"
    return try await portal.forVisitorsForm(exchange, page: address) { visitor, form in
      do {
        return try await act(
          exchange.variable("act"), on: id, form, visitor, exchange, address: address)
      } catch {
        if let error = error as? RPCError, error.needsConfirmation { throw error }
        let problem = Problem(catching: error)
        let mistakes =
          problem.status == .preconditionFailed
          ? Mistakes(ProviderForm.changedMeanwhile) : Mistakes(problem, labels: ProviderForm.labels)
        guard let mistakes else { throw problem }
        return try await page(
          exchange, visitor, try await stored(exchange, visitor), mistakes: mistakes,
          mayStoreAnyway: error.isDoubt)
      }
    }
  }

  private func act(
    _ act: String, on id: String, _ form: FormData, _ visitor: Visitor, _ exchange: Exchange,
    address: String
  ) async throws -> Response {
    let (vault, options) = (portal.services.vault, visitor.options(for: exchange))
    switch act {
    case "stage":
      let key = PastedKey(form["apiKey"]).key
      guard !key.isEmpty else { throw Problem.invalid("apiKey", "is missing") }
      _ = try await vault.stageKey(
        VaultAPI.StageKeyRequest(
          id: id, apiKey: key, storeAnyway: form["act"] == "anyway", etag: form["etag"]),
        options: options)
      return portal.redirect(to: address, notice: Notice(.keyStaged, of: id))
    case "test":
      let result = try await portal.tester.test(id: id, isSecond: true, for: visitor, exchange)
      let sealed = SessionSeal(visitor)?.seal(result.words, as: .testResult)
      return portal.redirect(to: address + (sealed.map { "?test=\($0)" } ?? ""))
    case "switch":
      let seconds = Self.overlaps.map(\.seconds).first { "\($0)" == form["overlap"] }
      _ = try await vault.switchKeys(
        VaultAPI.SwitchKeysRequest(
          id: id, overlap: seconds.map { ProtoDuration(seconds: $0) }, etag: form["etag"]),
        options: options)
      return portal.redirect(to: address, notice: Notice(.keysSwitched, of: id))
    case "drop":
      _ = try await vault.dropSecondKey(
        VaultAPI.DropSecondKeyRequest(id: id, etag: form["etag"]), options: options)
      return portal.redirect(to: address, notice: Notice(.secondKeyDropped, of: id))
    default: throw Problem(.notFound)
    }
  }
}
