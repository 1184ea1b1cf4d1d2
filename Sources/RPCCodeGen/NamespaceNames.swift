/// Where the messages of a protobuf package live in Swift.
enum NamespaceNames {
  /// Packages whose last component says too little.
  private static let exceptions = ["google.rpc": "RPCStatusAPI"]

  /// `chatelaine.vault.v1` -> `VaultAPI`; nil for a file without a package.
  static func namespace(of package: String) -> String? {
    if let exception = exceptions[package] { return exception }
    let components = package.split(separator: ".")
    guard let component = components.last(where: { !isVersion($0) }) else { return nil }
    let camel = SwiftNames.lowerCamel(String(component))
    return camel.prefix(1).uppercased() + camel.dropFirst() + "API"
  }

  /// `v1`, `v2beta1`.
  private static func isVersion(_ component: Substring) -> Bool {
    guard component.first == "v", let digit = component.dropFirst().first else { return false }
    return digit.isNumber
  }
}
