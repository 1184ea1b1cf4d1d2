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
    guard let last = text.utf8.last, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(last),
      !text.containsByte("/"), text.containsByte(":"),
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
    guard text.beginsWithBytes(of: "[") else {
      return text.utf8.count { $0 == UInt8(ascii: ":") } == 1
    }
    guard let bracket = text.utf8.firstIndex(of: UInt8(ascii: "]")) else { return false }
    return text[bracket...].beginsWithBytes(of: "]:")
  }
}
