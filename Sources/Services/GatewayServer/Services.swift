import RPC
import ServiceAPI

/// The services behind the gateway.
struct Services: Sendable {
  let auth: AuthAPI.AuthClient
  let vault: VaultAPI.VaultClient
  let audit: AuditAPI.AuditClient
  /// By name, for methods that are only known by their descriptor.
  let channels: [String: any RPCChannel]

  init(auth: any RPCChannel, vault: any RPCChannel, audit: any RPCChannel) {
    self.auth = AuthAPI.AuthClient(channel: auth)
    self.vault = VaultAPI.VaultClient(channel: vault)
    self.audit = AuditAPI.AuditClient(channel: audit)
    channels = ["auth": auth, "vault": vault, "audit": audit]
  }
}
