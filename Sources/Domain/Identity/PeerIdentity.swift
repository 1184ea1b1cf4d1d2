/// Who the processes of a deployment are to each other: the URI subject alternative names of their
/// certificates (SPIFFE IDs).
package enum PeerIdentity {
  private static let prefix = "spiffe://chatelaine/"

  package static let gateway = of("gateway")
  package static let auth = of("auth")
  package static let vault = of("vault")
  package static let audit = of("audit")
  /// The command line of someone with access to the machine's state directory.
  package static let `operator` = of("operator")

  /// The identity of what is called `name` in the mesh.
  package static func of(_ name: String) -> String { prefix + name }

  /// The name of the peer whose certificate has these identities, e.g. `vault`, also for an
  /// instance of it (`spiffe://chatelaine/vault/2`); `unknown` for a certificate that isn't of the
  /// mesh.
  package static func name(in identities: [String]) -> String {
    guard let identity = identities.first(where: { $0.utf8.starts(with: prefix.utf8) }) else {
      return "unknown"
    }
    let name = identity.utf8.dropFirst(prefix.utf8.count).prefix { $0 != UInt8(ascii: "/") }
    return String(decoding: name, as: UTF8.self)
  }
}
