import Addresses

/// What an access token is limited to; an empty list sets no limit.
package struct AccessLimits: Sendable, Hashable {
  /// Ids of the provider catalogue.
  package let providers: [String]
  /// Labels of keys.
  package let labels: [String]
  /// Names of models; a `*` at the end stands for anything.
  package let models: [String]
  /// Addresses or CIDR blocks (RFC 4632) from where it may be used.
  package let networks: [String]

  package init(
    providers: [String] = [], labels: [String] = [], models: [String] = [], networks: [String] = []
  ) {
    self.providers = providers
    self.labels = labels
    self.models = models
    self.networks = networks
  }

  package static let none = AccessLimits()

  package var areNone: Bool { self == .none }

  /// Whether they say which keys and models may be used; networks say only from where.
  package var nameThings: Bool { !(providers.isEmpty && labels.isEmpty && models.isEmpty) }

  // MARK: Whether a use is within

  package func allow(provider: String) -> Bool { providers.isEmpty || providers.contains(provider) }

  package func allow(label: String) -> Bool { labels.isEmpty || labels.contains(label) }

  package func allow(model: String) -> Bool {
    models.isEmpty || models.contains { Self.pattern($0, covers: model) }
  }

  /// An address that isn't known is in no network.
  package func allow(address: String) -> Bool {
    guard !networks.isEmpty else { return true }
    guard let address = IPAddress(address)?.unmapped else { return false }
    return networks.contains { AddressBlock($0)?.contains(address) ?? false }
  }

  // MARK: Whether others are no wider

  /// Whether whatever `others` allow, these do.
  package func cover(_ others: AccessLimits) -> Bool {
    Self.list(providers, covers: others.providers, ==)
      && Self.list(labels, covers: others.labels, ==)
      && Self.list(models, covers: others.models, Self.pattern(_:covers:))
      && Self.list(networks, covers: others.networks, Self.network(_:covers:))
  }

  /// These where `own` say nothing, else those.
  package func narrowed(to own: AccessLimits) -> AccessLimits {
    func list(_ mine: [String], _ theirs: [String]) -> [String] { theirs.isEmpty ? mine : theirs }
    return AccessLimits(
      providers: list(providers, own.providers), labels: list(labels, own.labels),
      models: list(models, own.models), networks: list(networks, own.networks))
  }

  private static func list(
    _ wide: [String], covers narrow: [String], _ covers: (String, String) -> Bool
  ) -> Bool {
    if wide.isEmpty { return true }
    // No limit is wider than any.
    return !narrow.isEmpty && narrow.allSatisfy { one in wide.contains { covers($0, one) } }
  }

  /// By bytes: a name, or a pattern whose every name the wider one has too.
  private static func pattern(_ wide: String, covers narrow: String) -> Bool {
    guard wide.utf8.last == UInt8(ascii: "*") else { return wide.utf8.elementsEqual(narrow.utf8) }
    return narrow.utf8.starts(with: wide.utf8.dropLast())
  }

  private static func network(_ wide: String, covers narrow: String) -> Bool {
    guard let wide = AddressBlock(wide), let narrow = AddressBlock(narrow) else { return false }
    return wide.prefixBits <= narrow.prefixBits && wide.contains(narrow.base)
  }
}
