import Protobuf
import ServiceAPI

/// One event of the audit log, as the page shows it.
struct AuditRow: Sendable {
  struct Fact: Sendable {
    let name: String
    let value: String
  }

  let time: Moment?
  let action: String
  let actionName: String
  let targetName: String?
  let outcome: String
  /// The stylesheet's word for the outcome.
  let outcomeClass: String
  /// What the provider answered, and how long all of it took; of the end of a use only.
  let answer: String?
  let actor: String
  let facts: [Fact]

  init(_ event: AuditAPI.AuditEvent) {
    time = event.time.map { Moment($0) }
    action = event.action
    actionName = AuditActionName.name(of: event.action)
    let target = event.target
    targetName = target.flatMap { $0.name.isEmpty ? nil : $0.name }
    (outcome, outcomeClass) =
      switch event.outcome {
      case .success: ("Done", "on")
      case .failure: ("Failed", "wrong")
      case .denied: ("Refused", "wrong")
      case .unspecified, .unrecognized: ("Unknown", "off")
      }
    answer = Self.answerText(event)
    actor = Self.actorText(event.actor)
    var facts = [
      Fact(name: "IP address", value: event.ipAddress),
      Fact(name: "Program", value: event.userAgent),
      Fact(name: "Request", value: event.requestId),
      Fact(name: "Target", value: "\(target?.type ?? "") \(target?.id ?? "")"),
      Fact(name: "Recorded by", value: event.source),
      Fact(name: "Event", value: event.id),
    ]
    for (name, value) in (event.details?.fields ?? [:]).sorted(by: { $0.key < $1.key }) {
      facts.append(Fact(name: name, value: StructText.text(of: value)))
    }
    self.facts = facts.filter { !$0.value.isEmpty && $0.value != " " }
  }

  private static func answerText(_ event: AuditAPI.AuditEvent) -> String? {
    guard event.action == "credential.use", let details = event.details?.fields,
      case .number(let status)? = details["status"],
      case .number(let milliseconds)? = details["milliseconds"]
    else { return nil }
    let answer = status == 0 ? "no answer" : StructText.text(of: .number(status))
    return "\(answer) · \(StructText.text(of: .number(milliseconds))) ms"
  }

  private static func actorText(_ actor: AuditAPI.AuditEvent.Actor?) -> String {
    guard let actor else { return "–" }
    switch actor.type {
    case "user": return actor.name.isEmpty ? "You" : actor.name
    case "operator": return "Operator"
    case "anonymous": return "Somebody"
    default: return actor.name.isEmpty ? actor.type : actor.name
    }
  }
}

/// The audit log's actions in words.
enum AuditActionName {
  private static let groups: [(value: String, text: String)] = [
    ("provider-config.*", "Everything about keys"),
    ("credential.*", "Everything about uses of keys"),
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

/// A value of an event's details, in words.
enum StructText {
  static func text(of value: StructValue) -> String {
    switch value {
    case .null: "–"
    case .bool(let flag): flag ? "yes" : "no"
    case .number(let number): Int64(exactly: number).map(String.init) ?? "\(number)"
    case .string(let text): text
    case .list(let values): values.map { Self.text(of: $0) }.joined(separator: ", ")
    case .struct(let value):
      value.fields.sorted { $0.key < $1.key }
        .map { "\($0.key): \(text(of: $0.value))" }.joined(separator: ", ")
    }
  }
}
