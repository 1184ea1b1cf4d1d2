import Providers

/// The endpoints in private networks that the operator lets users have
/// (CHATELAINE_ENDPOINT_ALLOWLIST): `host:port`, each spelled as in a URL.
struct EndpointAllowList: Sendable, Hashable {
  private struct Entry: Sendable, Hashable {
    let host: EndpointHost
    let port: Int
  }

  private var entries: Set<Entry> = []

  init() {}

  /// Adds `host:port`; false when the text is not that.
  mutating func insert(_ text: String) -> Bool {
    // Both halves go through the one parser that endpoints go through, so that spellings agree.
    guard text.last?.isNumber == true, !text.contains("/"), text.contains(":"),
      let endpoint = try? EndpointURL("http://\(text)"), Self.namesPort(text)
    else { return false }
    entries.insert(Entry(host: endpoint.host, port: endpoint.port))
    return true
  }

  func contains(_ endpoint: EndpointURL) -> Bool {
    entries.contains(Entry(host: endpoint.host, port: endpoint.port))
  }

  /// `[::1]` ends in a bracket and `::1` has no port: neither is an entry.
  private static func namesPort(_ text: String) -> Bool {
    text.first == "[" ? text.contains("]:") : text.filter { $0 == ":" }.count == 1
  }
}
