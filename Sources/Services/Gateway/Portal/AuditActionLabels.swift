// Generated from Protos/chatelaine/audit/v1/action.proto by `make generate`.

extension AuditActionName {
  /// Every action with what the page calls it.
  static let labels: [(action: String, label: String)] = [
    ("account.create", "Sign-up"),
    ("session.create", "Log-in"),
    ("session.delete", "Log-out"),
    ("access-token.create", "Created an access token"),
    ("access-token.delete", "Revoked an access token"),
    ("provider-config.create", "Stored a key"),
    ("provider-config.import", "Imported a key"),
    ("provider-config.update", "Changed a key"),
    ("provider-config.enable", "Enabled a key"),
    ("provider-config.disable", "Disabled a key"),
    ("provider-config.delete", "Deleted a key"),
    ("credential.resolve", "Used a key"),
    ("credential.test", "Tested a key"),
    ("credential.use", "Finished using a key"),
    ("operator.impersonate", "Operator acted for this account"),
    ("account.get", "Looked at the account"),
    ("access-token.list", "Listed access tokens"),
    ("provider-config.get", "Looked at a key"),
    ("provider-config.list", "Listed keys"),
    ("audit-event.list", "Read the audit log"),
    ("audit-event.append", "Added to the audit log"),
    ("request.forge", "Forged request"),
    ("peer.call", "Service's call"),
  ]
}
