import FoundationEssentials
import Identity
import Protobuf
package import Receipts
package import ServiceAPI

extension AuditAPI.AuditEvent {
  /// The receipt as it travels; `source` is left to the audit service, which knows its peer.
  init(_ receipt: Receipt) {
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

extension StructValue {
  fileprivate init(_ detail: Receipt.Detail) {
    switch detail {
    case .text(let text): self = .string(text)
    case .number(let number): self = .number(Double(number))
    case .flag(let flag): self = .bool(flag)
    }
  }
}
