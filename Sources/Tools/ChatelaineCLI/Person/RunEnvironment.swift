import ArgumentParser
import Foundation
import Providers

/// A provider whose keys a program is to use, and of an endpoint of one's own its label.
struct ProviderChoice: ExpressibleByArgument {
  /// The provider of endpoints of one's own.
  static let custom = "custom"

  let provider: Provider
  var label: String?

  init(provider: Provider) { self.provider = provider }

  init?(argument: String) {
    let parts = argument.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let provider = ProviderCatalogue.standard.provider(id: String(parts[0])),
      provider.program != nil, (provider.id == Self.custom) == (parts.count == 2),
      parts.count == 1 || !parts[1].isEmpty
    else { return nil }
    (self.provider, label) = (provider, parts.count == 2 ? String(parts[1]) : nil)
  }

  static var allValueStrings: [String] {
    ProviderCatalogue.standard.providers.filter { $0.program != nil }.map {
      $0.id == custom ? "\(custom)/LABEL" : $0.id
    }
  }
}

/// The variables by which a program finds the portal in place of its providers.
struct RunEnvironment {
  private let choices: [ProviderChoice]
  private let proxy: String

  /// - Parameter proxy: the portal's address that ends in `/proxy`.
  /// - Throws: `CommandError` when two of the providers are read from the same variables.
  init(_ choices: [ProviderChoice], proxy: String) throws(CommandError) {
    (self.choices, self.proxy) = (choices, proxy)
    var owners: [String: String] = [:]
    for choice in choices {
      for name in (choice.provider.program?.address ?? [:]).keys.sorted() {
        guard let other = owners.updateValue(choice.provider.id, forKey: name) else { continue }
        throw CommandError(
          "\(other) and \(choice.provider.id) both have \(name): choose one of them")
      }
    }
  }

  /// What the program starts with: `inherited` without what names these providers' keys and
  /// addresses, and without the caller's own access token.
  func variables(from inherited: [String: String], token: String) -> [String: String] {
    var variables = inherited
    for provider in choices.map(\.provider) {
      let own = provider.id == ProviderChoice.custom ? [] : provider.keyVariables
      let named =
        own + provider.baseURLVariables
        + (provider.program?.without ?? [])
      for name in named { variables[name] = nil }
    }
    for choice in choices {
      guard let program = choice.provider.program else { continue }
      let path = choice.label.map { "\(choice.provider.id)/\($0)" } ?? choice.provider.id
      for (name, suffix) in program.address { variables[name] = "\(proxy)/\(path)\(suffix)" }
      for name in program.key { variables[name] = token }
    }
    // Programs that know of the portal, another `chatelaine run` too, get this token.
    variables[PersonSession.tokenVariable] = token
    return variables
  }
}
