/// The URI subject alternative names that Chatelaine's certificates carry.
package enum PeerIdentity {
  package static let gateway = "spiffe://chatelaine/gateway"
  package static let auth = "spiffe://chatelaine/auth"
  package static let vault = "spiffe://chatelaine/vault"
  package static let audit = "spiffe://chatelaine/audit"
  /// The command line of someone with access to the machine's state directory.
  package static let `operator` = "spiffe://chatelaine/operator"
}
