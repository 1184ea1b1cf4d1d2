/// One provider of AI services, as the catalogue describes it.
package struct Provider: Sendable, Equatable, Identifiable, Codable {
  /// Lower-case letters, digits and hyphens; a path segment of the proxy.
  package let id: String
  package let displayName: String
  /// Origin and path prefix to which the proxy appends the client's path; nil where each user has
  /// an endpoint of their own. Without the version segment that clients send, such as `/v1`.
  package let defaultBaseURL: String?
  /// How the key is sent; nil sends none.
  package let authentication: Authentication?
  package let key: Requirement
  package let endpoint: EndpointRule
  /// How this provider's keys begin today: for a warning, never for a refusal.
  package let keyPrefixes: [String]?
  /// Environment variables that commonly hold the key, best known first.
  package let keyVariables: [String]
  /// Environment variables that commonly hold the base URL, best known first.
  package let baseURLVariables: [String]
  /// How a base URL variable without a scheme is completed, as in `OLLAMA_HOST=localhost`.
  package let bareHost: BareHost?
  /// The provider under which a key for somebody else's endpoint is imported: an `OPENAI_API_KEY`
  /// beside an `OPENAI_BASE_URL` of another host is not a key of OpenAI.
  package let foreignEndpointProvider: String?

  /// The header that carries the key, e.g. `authorization` with the prefix `Bearer `.
  package struct Authentication: Sendable, Equatable, Codable {
    /// Lower case.
    package let header: String
    /// Put before the key, with its space.
    package let prefix: String
  }

  package struct BareHost: Sendable, Equatable, Codable {
    package let scheme: String
    package let port: Int
  }

  package enum Requirement: String, Sendable, Codable {
    case required, optional
  }

  /// Whether a user gives a base URL.
  package enum EndpointRule: String, Sendable, Codable {
    case required, allowed, forbidden
  }

  /// False when `key` does not begin as this provider's keys do; a reason to warn.
  package func recognises(key: String) -> Bool {
    guard let keyPrefixes, !keyPrefixes.isEmpty else { return true }
    return keyPrefixes.contains { key.hasPrefix($0) }
  }
}
