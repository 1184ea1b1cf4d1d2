import FoundationEssentials

/// All providers the product knows: data, read from `Catalogue/providers.json`.
package struct ProviderCatalogue: Sendable {
  /// What an environment variable means to the catalogue.
  package enum VariableRole: Sendable, Equatable {
    case key, baseURL
  }

  package let providers: [Provider]
  private let indexByID: [String: Int]
  private let roleByVariable: [String: (index: Int, role: VariableRole)]

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
    var roleByVariable: [String: (index: Int, role: VariableRole)] = [:]
    for (index, provider) in providers.enumerated() {
      try Self.validate(provider)
      guard indexByID.updateValue(index, forKey: provider.id) == nil else {
        throw ProviderCatalogueError.duplicate(provider.id)
      }
      let variables =
        provider.keyVariables.map { ($0, VariableRole.key) }
        + provider.baseURLVariables.map { ($0, VariableRole.baseURL) }
      for (variable, role) in variables {
        guard roleByVariable.updateValue((index, role), forKey: variable) == nil else {
          throw ProviderCatalogueError.duplicate(variable)
        }
      }
    }
    for foreign in providers.compactMap(\.foreignEndpointProvider) where indexByID[foreign] == nil {
      throw ProviderCatalogueError.unknownProvider(foreign)
    }
    self.indexByID = indexByID
    self.roleByVariable = roleByVariable
  }

  package func provider(id: String) -> Provider? {
    indexByID[id].map { providers[$0] }
  }

  /// The provider whose key or base URL a variable of this name commonly holds.
  package func provider(
    forEnvironmentVariable name: String
  ) -> (provider: Provider, role: VariableRole)? {
    roleByVariable[name].map { (providers[$0.index], $0.role) }
  }

  /// Every header that carries a key for some provider: a proxy must drop a client's own.
  package var authenticationHeaderNames: Set<String> {
    Set(providers.compactMap { $0.authentication?.header })
  }

  private static func validate(_ provider: Provider) throws(ProviderCatalogueError) {
    let isID = provider.id.utf8.allSatisfy {
      (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d
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
