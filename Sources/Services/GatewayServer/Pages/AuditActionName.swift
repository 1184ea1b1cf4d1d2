/// The audit log's actions in words.
enum AuditActionName {
  private static let groups: [(value: String, text: String)] = [
    ("provider-config.*", "Everything about keys"),
    ("session.*", "Logging in and out"),
    ("access-token.*", "Everything about access tokens"),
  ]

  /// For the filter: groups first.
  static var choices: [(value: String, text: String)] {
    groups + labels.map { ($0.action, $0.label) }
  }

  /// An action that has no words yet is shown as it is.
  static func name(of action: String) -> String {
    labels.first { $0.action == action }?.label ?? action
  }
}
