import FoundationEssentials
import Identity
import Protobuf
package import Receipts
package import ServiceAPI

extension AuditAPI.AuditEvent {
  /// The receipt as it travels; `source` is left to the audit service, which knows its peer.
  package init(_ receipt: Receipt) {
    self.init(
      id: receipt.id.text, time: Timestamp(receipt.time),
      actor: Actor(receipt.actor), action: receipt.action.rawValue,
      target: Target(receipt.target), outcome: Outcome(receipt.outcome),
      ipAddress: receipt.origin.ipAddress, userAgent: receipt.origin.userAgent,
      requestId: receipt.origin.requestID,
      details: Struct(fields: receipt.details.mapValues(StructValue.init)),
      accountId: receipt.accountID?.text ?? "")
  }
}

extension Receipt {
  /// The receipt that was packed; nil for a message that none was.
  package init?(_ event: AuditAPI.AuditEvent) {
    guard let id = UUID(uuidString: event.id), let time = event.time?.date,
      let actor = event.actor, let action = ReceiptAction(rawValue: event.action),
      let target = event.target, let outcome = Outcome(event.outcome)
    else { return nil }
    self.init(
      id: id, time: time, actor: Actor(type: actor.type, id: actor.id, name: actor.name),
      action: action, target: Target(type: target.type, id: target.id, name: target.name),
      outcome: outcome,
      origin: CallOrigin(
        ipAddress: event.ipAddress, userAgent: event.userAgent, requestID: event.requestId),
      details: (event.details?.fields ?? [:]).compactMapValues(Detail.init),
      accountID: UserID(event.accountId))
  }
}

extension AuditAPI.AuditEvent.Actor {
  package init(_ actor: Receipt.Actor) {
    self.init(type: actor.type, id: actor.id, name: actor.name)
  }
}

extension AuditAPI.AuditEvent.Target {
  package init(_ target: Receipt.Target) {
    self.init(type: target.type, id: target.id, name: target.name)
  }
}

extension AuditAPI.AuditEvent.Outcome {
  package init(_ outcome: Receipt.Outcome) {
    switch outcome {
    case .success: self = .success
    case .failure: self = .failure
    case .denied: self = .denied
    }
  }
}

extension Receipt.Outcome {
  /// Nil for what is none of the three.
  package init?(_ outcome: AuditAPI.AuditEvent.Outcome) {
    switch outcome {
    case .success: self = .success
    case .failure: self = .failure
    case .denied: self = .denied
    case .unspecified, .unrecognized: return nil
    }
  }
}

extension Receipt.Detail {
  fileprivate init?(_ value: StructValue) {
    switch value {
    case .string(let text): self = .text(text)
    case .number(let number):
      guard let number = Int(exactly: number) else { return nil }
      self = .number(number)
    case .bool(let flag): self = .flag(flag)
    case .null, .list, .struct: return nil
    }
  }
}

extension StructValue {
  fileprivate init(_ detail: Receipt.Detail) {
    switch detail {
    case .text(let text): self = .string(text)
    case .number(let number): self = .number(Double(number))
    case .flag(let flag): self = .bool(flag)
    }
  }
}
