package import RPC

/// The URI subject alternative names that Chatelaine's certificates carry.
package enum PeerIdentity {
  package static let gateway = "spiffe://chatelaine/gateway"
  package static let auth = "spiffe://chatelaine/auth"
  package static let vault = "spiffe://chatelaine/vault"
  package static let audit = "spiffe://chatelaine/audit"
  /// The command line of someone with access to the machine's state directory.
  package static let `operator` = "spiffe://chatelaine/operator"

  private static let prefix = "spiffe://chatelaine/"

  /// The peer's name in the mesh, e.g. `vault`; `unknown` for a certificate that isn't of it.
  package static func name(of peer: Peer) -> String {
    guard let identity = peer.identities.first(where: { $0.utf8.starts(with: prefix.utf8) }) else {
      return "unknown"
    }
    return String(decoding: identity.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
  }
}
