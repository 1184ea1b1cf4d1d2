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
    actor = Self.actorText(event.actor)
    var facts = [
      Fact(name: "IP address", value: event.ipAddress),
      Fact(name: "Program", value: event.userAgent),
      Fact(name: "Request", value: event.requestId),
      Fact(
        name: "Target", value: [target?.type, target?.id].compactMap(\.self).joined(separator: " ")),
      Fact(name: "Recorded by", value: event.source),
      Fact(name: "Event", value: event.id),
    ]
    for (name, value) in (event.details?.fields ?? [:]).sorted(by: { $0.key < $1.key }) {
      facts.append(Fact(name: name, value: StructText.text(of: value)))
    }
    self.facts = facts.filter { !$0.value.isEmpty && $0.value != " " }
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
