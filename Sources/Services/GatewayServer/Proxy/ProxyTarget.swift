import Providers

/// What a proxied request asks for: a provider, one of its keys, and the path at the provider.
struct ProxyTarget: Sendable, Hashable {
  /// Longest purpose that a receipt takes, in bytes.
  static let purposeBytesMax = 512

  let provider: Provider
  /// Empty: the vault chooses.
  let label: String
  /// As the client sent it, beginning with a slash.
  let path: String
  /// Without the question mark.
  let query: String?

  static func == (lhs: ProxyTarget, rhs: ProxyTarget) -> Bool {
    lhs.provider == rhs.provider && lhs.label == rhs.label && lhs.path == rhs.path
      && lhs.query == rhs.query
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(provider.id)
    hasher.combine(label)
    hasher.combine(path)
    hasher.combine(query)
  }

  /// For the receipt: verb and path. Never the query, which may hold anything.
  func purpose(_ verb: String) -> String {
    String(decoding: "\(verb) \(path)".utf8.prefix(Self.purposeBytesMax), as: UTF8.self)
  }

  /// Where the request goes: the user's endpoint, or the provider's own.
  ///
  /// A version segment with which both the base ends and the path begins is not doubled, so that
  /// `…/v1` as an SDK's base URL works with endpoints that people wrote with and without it.
  func url(on endpoint: EndpointURL) -> String {
    endpoint.appending(path: path) + (query.map { "?\($0)" } ?? "")
  }
}
