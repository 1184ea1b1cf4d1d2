/// The audit log's actions in words.
enum AuditActionName {
  private static let names: [(action: String, name: String)] = [
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
    ("operator.impersonate", "Operator acted for this account"),
  ]

  private static let groups: [(value: String, text: String)] = [
    ("provider-config.*", "Everything about keys"),
    ("session.*", "Logging in and out"),
    ("access-token.*", "Everything about access tokens"),
  ]

  /// For the filter: groups first.
  static var choices: [(value: String, text: String)] {
    groups + names.map { ($0.action, $0.name) }
  }

  /// An action that has no words yet is shown as it is.
  static func name(of action: String) -> String {
    names.first { $0.action == action }?.name ?? action
  }
}
