import Encodings
import FoundationEssentials

/// One provider of AI services, as the catalogue describes it.
package struct Provider: Sendable, Equatable, Identifiable, Codable {
  /// Lower-case letters, digits and hyphens; a path segment of the proxy.
  package let id: String
  package let displayName: String
  /// Origin and path prefix to which the proxy appends the client's path; nil where each user has
  /// an endpoint of their own. Without the `/v1` that clients send; another version belongs to it.
  package let defaultBaseURL: String?
  /// First segments of paths that this provider serves beside the path of `defaultBaseURL`.
  package let hostSegments: [String]?
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
  /// Variables that some product reads as the base URL, and others as something else.
  package let possibleBaseURLVariables: [String]?
  /// Variables that are named like one for the base URL, and are none.
  package let unrelatedVariables: [String]?
  /// How the hosts of its endpoints end where each user has one of their own, with the dot.
  package let endpointHostSuffixes: [String]?
  /// How a base URL variable without a scheme is completed, as in `OLLAMA_HOST=localhost`.
  package let bareHost: BareHost?
  /// The provider under which a key for somebody else's endpoint is imported: an `OPENAI_API_KEY`
  /// beside an `OPENAI_BASE_URL` of another host is not a key of OpenAI.
  package let foreignEndpointProvider: String?
  /// Where its users get a key; nil where there is no such page.
  package let keyPage: String?
  /// How it is asked whether it takes a key; nil where no call of its costs nothing and needs one.
  package let test: TestCall?
  /// How programs are told another address and key; nil where none is known that listens.
  package let program: Program?

  /// The environment variables that SDKs, agents and gateways of their own read.
  package struct Program: Sendable, Equatable, Codable {
    /// Names of variables for the address, each with the path that belongs behind the address at
    /// which the provider is reached: what OpenAI's SDK reads ends in `/v1`, Anthropic's adds it.
    package let address: [String: String]
    /// Names of variables for the key: only such that are read together with one for the address,
    /// or a token for the portal would be sent to the provider.
    package let key: [String]
    /// Names of variables that would lead past the address or belong to another key.
    package let without: [String]?
  }

  /// The header that carries the key, e.g. `authorization` with the prefix `Bearer `.
  package struct Authentication: Sendable, Equatable, Codable {
    /// Lower case.
    package let header: String
    /// Put before the key, with its space.
    package let prefix: String
  }

  /// The cheapest call that needs a key: a GET that costs nothing.
  package struct TestCall: Sendable, Equatable, Codable {
    /// Below the base URL, with its query.
    package let path: String
    /// Fields that the call needs beside the key.
    package let headers: [String: String]?
    /// The member of the answer that lists models, empty where the answer itself is the list; nil
    /// where it lists none.
    package let models: String?

    /// What a receipt says of it: the path without the query.
    package var purpose: String {
      "GET \(String(decoding: path.utf8.prefix { $0 != UInt8(ascii: "?") }, as: UTF8.self))"
    }
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

  /// The catalogue's base URL for a client's path, which begins with a slash; nil where each user
  /// has an endpoint of their own.
  package func baseURL(forPath path: String) -> String? {
    guard let defaultBaseURL, let hostSegments else { return defaultBaseURL }
    let first = path.utf8.dropFirst().prefix { !"/?".utf8.contains($0) }
    guard hostSegments.contains(where: { $0.utf8.elementsEqual(first) }) else {
      return defaultBaseURL
    }
    return (try? EndpointURL(defaultBaseURL))?.origin
  }

  /// False when `key` does not begin as this provider's keys do; a reason to warn.
  package func recognises(key: String) -> Bool {
    guard let keyPrefixes, !keyPrefixes.isEmpty else { return true }
    return keyPrefixes.contains { key.hasPrefix($0) }
  }
}

/// All providers the product knows: data, read from `Catalogue/providers.json`.
package struct ProviderCatalogue: Sendable {
  package let providers: [Provider]
  private let indexByID: [String: Int]
  let variables: [String: ProviderVariable]
  /// Providers by their own words in the names of variables for keys, with the rank of the name.
  let stems: [String: (provider: Provider, rank: Int)]

  /// The catalogue that is compiled in.
  package static let standard: ProviderCatalogue = {
    do {
      return try ProviderCatalogue(json: PackageResources.providers_json)
    } catch {
      // Compiled in and tested: a failure here is a bug of the build.
      preconditionFailure("the provider catalogue is malformed: \(error)")
    }
  }()

  /// - Throws: `ProviderCatalogueError` for an id or variable that occurs twice or is malformed,
  ///   `DecodingError` for JSON that is not a list of providers.
  package init(json: [UInt8]) throws {
    providers = try JSONDecoder().decode([Provider].self, from: Data(json))
    var indexByID: [String: Int] = [:]
    for (index, provider) in providers.enumerated() {
      try Self.validate(provider)
      guard indexByID.updateValue(index, forKey: provider.id) == nil else {
        throw ProviderCatalogueError.duplicate(provider.id)
      }
    }
    for foreign in providers.compactMap(\.foreignEndpointProvider) where indexByID[foreign] == nil {
      throw ProviderCatalogueError.unknownProvider(foreign)
    }
    self.indexByID = indexByID
    stems = Self.stems(of: providers)
    variables = try Self.variables(of: providers, stems: stems)
  }

  package func provider(id: String) -> Provider? {
    indexByID[id].map { providers[$0] }
  }

  /// The provider whose users' endpoints have hosts like that of `url`.
  package func provider(withEndpointsLike url: EndpointURL) -> Provider? {
    guard case .name(let host) = url.host else { return nil }
    return providers.first { provider in
      provider.endpointHostSuffixes?.contains { suffix in
        host.utf8.reversed().starts(with: suffix.utf8.reversed())
      } == true
    }
  }

  /// Every header that carries a key for some provider: a proxy must drop a client's own.
  package var authenticationHeaderNames: Set<String> {
    Set(providers.compactMap { $0.authentication?.header })
  }

  private static func validate(_ provider: Provider) throws(ProviderCatalogueError) {
    let isID = provider.id.utf8.allSatisfy {
      $0.isASCIILower || $0.isASCIIDigit || $0 == UInt8(ascii: "-")
    }
    guard isID, !provider.id.isEmpty, !provider.displayName.isEmpty else {
      throw .malformed(provider.id, "id or display name")
    }
    guard provider.endpoint == .required || provider.defaultBaseURL != nil else {
      throw .malformed(provider.id, "no base URL, and users need not give one")
    }
    if let base = provider.defaultBaseURL, (try? EndpointURL(base)) == nil {
      throw .malformed(provider.id, "default base URL")
    }
    if let test = provider.test, test.path.utf8.first != UInt8(ascii: "/") {
      throw .malformed(provider.id, "path of the test")
    }
    if let page = provider.keyPage, !page.utf8.starts(with: "https://".utf8) {
      throw .malformed(provider.id, "page of keys")
    }
    if let header = provider.authentication?.header, header != header.lowercased() {
      throw .malformed(provider.id, "header name is not lower case")
    }
  }
}

/// A bug in the catalogue's data.
package enum ProviderCatalogueError: Error, Equatable {
  case duplicate(String)
  case unknownProvider(String)
  case malformed(String, String)
}
