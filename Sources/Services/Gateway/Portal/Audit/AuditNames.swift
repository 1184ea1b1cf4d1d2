import Backend
import Edge
import Protobuf
import Providers
import RPC
import ServiceAPI

/// What the log calls tokens and keys: their names instead of ids.
struct AuditNames: Sendable {
  private static let rows: Int32 = 200
  /// Tokens of one page of the log that are looked for among those that were revoked.
  private static let revokedMax = 5

  private var tokens: [String: String] = [:]
  private(set) var configs: [VaultAPI.ProviderConfig] = []
  private(set) var tokenChoices: [(value: String, text: String)] = []
  private let catalogue: ProviderCatalogue

  /// From what is known already.
  init(
    tokens: [AuthAPI.AccessToken], configs: [VaultAPI.ProviderConfig], catalogue: ProviderCatalogue
  ) {
    self.catalogue = catalogue
    self.configs = configs
    for token in tokens {
      self.tokens[token.id] = token.name
      tokenChoices.append((token.id, token.name))
    }
  }

  /// Asks for the names; those that can't be had are written as what they are.
  init(_ exchange: Exchange, _ visitor: Visitor, _ portal: Portal) async {
    let options = visitor.options(for: exchange)
    async let listedTokens = try? portal.services.auth.listAccessTokens(
      AuthAPI.ListAccessTokensRequest(pageSize: Self.rows, pageToken: ""), options: options)
    async let listedConfigs = try? portal.services.vault.listProviderConfigs(
      VaultAPI.ListProviderConfigsRequest(pageSize: Self.rows, pageToken: ""), options: options)
    self.init(
      tokens: await listedTokens?.accessTokens ?? [],
      configs: await listedConfigs?.providerConfigs ?? [], catalogue: portal.catalogue)
  }

  /// Finds the names of revoked tokens in the entries about their making.
  mutating func findRevoked(
    in events: [AuditAPI.AuditEvent], _ exchange: Exchange, _ visitor: Visitor, _ portal: Portal
  ) async {
    var missing: [String] = []
    for event in events where event.credential == .accessToken {
      let id = event.credentialID
      if tokens[id] == nil, !missing.contains(id) { missing.append(id) }
    }
    for id in missing.prefix(Self.revokedMax) {
      let made = try? await portal.services.audit.listEvents(
        AuditAPI.ListEventsRequest(pageSize: 1, action: "access-token.create", targetId: id),
        options: visitor.options(for: exchange))
      if let name = made?.events.first?.target?.name, !name.isEmpty { tokens[id] = name }
    }
  }

  func token(_ id: String) -> String { tokens[id] ?? "a revoked token" }

  /// `provider/label`, as receipts have it, in words.
  func key(_ text: String) -> String {
    let parts = text.split(atByte: "/", maxSplits: 1, omittingEmpty: false).map(String.init)
    guard parts.count == 2 else { return text }
    return "\(catalogue.name(of: parts[0])), \(parts[1])"
  }

  func key(id: String) -> String {
    configs.first { $0.id == id }.map { key("\($0.provider)/\($0.label)") } ?? "a deleted key"
  }

  var keyChoices: [(value: String, text: String)] {
    configs.map { ($0.id, key("\($0.provider)/\($0.label)")) }
  }
}

extension AuditAPI.AuditEvent {
  /// With what its caller came.
  enum CredentialKind: String, Sendable {
    case session
    case accessToken = "access-token"
    case `operator`
  }

  var credential: CredentialKind? {
    guard case .string(let kind)? = details?.fields["credential"] else { return nil }
    return CredentialKind(rawValue: kind)
  }

  /// The first of the two entries of a use.
  var isOpening: Bool { action == "credential.resolve" }

  /// Empty where there is none.
  var credentialID: String { text("credentialId") }

  /// A detail that is a text; empty where there is none.
  func text(_ name: String) -> String {
    guard case .string(let text)? = details?.fields[name] else { return "" }
    return text
  }

  func number(_ name: String) -> Int64? {
    guard case .number(let number)? = details?.fields[name] else { return nil }
    return Int64(exactly: number.rounded())
  }
}
