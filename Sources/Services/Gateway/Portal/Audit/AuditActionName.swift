import Edge

/// The audit log's actions in words.
enum AuditActionName {
  private static let groups: [(value: String, text: String)] = [
    ("credential.use", "Uses of keys, with their answers"),
    ("provider-config.*", "Changes of keys"), ("access-token.*", "Access tokens"),
    ("session.*", "Logging in and out"),
  ]

  /// What was done, and what was tried.
  private static let verbs: [String: (done: String, tried: String)] = [
    "account.create": ("signed up", "sign up"), "session.create": ("logged in", "log in"),
    "session.delete": ("logged out", "log out"),
    "access-token.create": ("created the access token", "create the access token"),
    "access-token.delete": ("revoked the access token", "revoke the access token"),
    "provider-config.create": ("stored", "store"), "provider-config.import": ("imported", "import"),
    "provider-config.update": ("changed", "change"),
    "provider-config.enable": ("enabled", "enable"),
    "provider-config.disable": ("disabled", "disable"),
    "provider-config.delete": ("deleted", "delete"),
    "credential.resolve": ("opened, for one use,", "open"),
    "operator.impersonate": ("acted for this account", "act for this account"),
    "account.get": ("looked at the account", "look at the account"),
    "access-token.list": ("listed access tokens", "list access tokens"),
    "provider-config.get": ("looked at", "look at"),
    "provider-config.list": ("listed keys", "list keys"),
    "audit-event.list": ("read the audit log", "read the audit log"),
    "request.forge": ("sent a request from elsewhere", "send a request from elsewhere"),
  ]

  private static let reasons = [
    "not-sent": "it was not sent", "unreachable": "the provider could not be reached",
    "timed-out": "the provider took too long", "broken-off": "the answer broke off",
    "client-left": "the application left", "request-incomplete": "the request ended early",
    "request-too-large": "the request was too large", "revoked": "the token was revoked",
    "answer-refused": "the answer led elsewhere", "gateway-failed": "the portal failed",
    "missing-scope": "the token may not do this",
    "wrong-credential": "this needs another kind of credential",
    "more-than-own": "a token can't give more than it has",
    "cross-site": "another site sent it", "wrong-password": "the password was wrong",
  ]

  /// For a list to choose from.
  static var choices: [(value: String, text: String)] {
    let grouped = Set(groups.map(\.value))
    return groups
      + labels.filter { !$0.label.isEmpty && !grouped.contains($0.action) }
      .map { ($0.action, $0.label) }
  }

  static func isKnown(_ action: String) -> Bool {
    action.isEmpty || choices.contains { $0.value == action }
  }

  /// An action that has no words yet is shown as it is.
  static func name(of action: String) -> String {
    choices.first { $0.value == action }?.text ?? action
  }

  static func verb(of action: String, isDone: Bool) -> String {
    // A use whose provider said no was made all the same.
    if action == "credential.use" { return "used" }
    guard let verb = verbs[action] else { return name(of: action) }
    return isDone ? verb.done : "tried to \(verb.tried)"
  }

  /// - Parameter status: The provider's, of the end of a use.
  static func reason(_ text: String, status: Int64? = nil) -> String {
    guard text.hasBytes(of: "error-status") else { return reasons[text] ?? text }
    return switch status {
    case 401, 403: "the provider refused the key"
    case 402: "out of credit"
    case 429: "rate limited"
    case .some(500...): "the provider failed"
    default: "the provider answered with an error"
    }
  }

  /// `consecutiveRefusals` as `Consecutive refusals`.
  static func words(of name: String) -> String {
    var words = ""
    for (index, letter) in name.unicodeScalars.enumerated() {
      if index == 0 {
        words += String(letter).uppercased()
      } else if letter.properties.isUppercase {
        words += " " + String(letter).lowercased()
      } else {
        words.unicodeScalars.append(letter)
      }
    }
    return words
  }
}
