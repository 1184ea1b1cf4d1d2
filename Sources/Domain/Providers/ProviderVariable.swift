/// What the name of an environment variable means to the catalogue.
package struct ProviderVariable: Sendable, Equatable {
  package enum Role: Sendable, Equatable {
    case key, baseURL
    /// Some products mean the provider's address by it, others something else.
    case possibleBaseURL
  }

  package let provider: Provider
  package let role: Role
  /// The provider's own word in the name: a key and an address with the same one belong together.
  package let stem: String
  /// 0 for the best known name; a greater one gives way.
  package let rank: Int
  /// False when the name only follows the usual pattern: its value may be something else.
  package let isListed: Bool
}

extension ProviderCatalogue {
  /// The provider whose key or base URL a variable of this name commonly holds: one that is listed,
  /// or one that is named as products name such variables.
  package func variable(_ name: String) -> ProviderVariable? {
    if let listed = variables[name] { return listed }
    for (stem, words) in EndpointVariableName.readings(of: name) {
      guard let found = stems[stem], let role = EndpointVariableName.role(of: words),
        found.provider.unrelatedVariables?.contains(name) != true
      else { continue }
      return ProviderVariable(
        provider: found.provider, role: role, stem: stem,
        rank: found.rank + (role == .key ? Self.listRank : 0), isListed: false)
    }
    return nil
  }

  /// A list of keys gives way to the names for one.
  private static let listRank = 1_000

  static func stems(of providers: [Provider]) -> [String: (provider: Provider, rank: Int)] {
    var stems: [String: (provider: Provider, rank: Int)] = [:]
    for provider in providers {
      for (rank, name) in provider.keyVariables.enumerated() {
        let stem = EndpointVariableName.stem(ofKeyVariable: name)
        if stems[stem] == nil { stems[stem] = (provider, rank) }
      }
    }
    return stems
  }

  static func variables(
    of providers: [Provider], stems: [String: (provider: Provider, rank: Int)]
  ) throws(ProviderCatalogueError) -> [String: ProviderVariable] {
    var variables: [String: ProviderVariable] = [:]
    for provider in providers {
      let listed: [(ProviderVariable.Role, [String])] = [
        (.key, provider.keyVariables), (.baseURL, provider.baseURLVariables),
        (.possibleBaseURL, provider.possibleBaseURLVariables ?? []),
      ]
      for (role, names) in listed {
        for (rank, name) in names.enumerated() {
          let variable = ProviderVariable(
            provider: provider, role: role, stem: stem(of: name, role, stems: stems), rank: rank,
            isListed: true)
          guard variables.updateValue(variable, forKey: name) == nil else {
            throw .duplicate(name)
          }
        }
      }
    }
    return variables
  }

  private static func stem(
    of name: String, _ role: ProviderVariable.Role,
    stems: [String: (provider: Provider, rank: Int)]
  ) -> String {
    guard role != .key else { return EndpointVariableName.stem(ofKeyVariable: name) }
    let reading = EndpointVariableName.readings(of: name).first { reading in
      stems[reading.stem] != nil && EndpointVariableName.role(of: reading.words) != nil
    }
    return reading?.stem ?? name
  }
}
