/// Where the operator's own keys are, for users who have none: in the vault's environment.
package enum OperatorKeyVariables {
  /// Lists the providers that it is allowed for.
  package static let setting = "CHATELAINE_ENV_FALLBACK"

  /// The variables that may hold a provider's key, best known first; none for a provider that isn't
  /// in the catalogue.
  package static func of(_ id: String, catalogue: ProviderCatalogue) -> [String] {
    catalogue.provider(id: id)?.keyVariables ?? []
  }

  /// The variables of all providers that the setting's `value` lists: those that only the vault is
  /// given.
  package static func all(listedIn value: String, catalogue: ProviderCatalogue) -> Set<String> {
    let ids = value.utf8.split(separator: UInt8(ascii: ",")).map { id in
      String(Substring(id)).trimmedSpaces
    }
    return Set(ids.flatMap { of($0, catalogue: catalogue) })
  }
}

extension String {
  fileprivate var trimmedSpaces: String {
    let bytes = utf8.drop { $0 == 0x20 }
    return String(decoding: bytes.reversed().drop { $0 == 0x20 }.reversed(), as: UTF8.self)
  }
}
