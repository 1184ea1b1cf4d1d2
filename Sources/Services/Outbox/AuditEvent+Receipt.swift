import FoundationEssentials
import Identity
import Protobuf
import Receipts
import ServiceAPI

extension AuditAPI.AuditEvent {
  /// The receipt as it travels; `source` is left to the audit service, which knows its peer.
  init(_ receipt: Receipt) {
    self.init(
      id: receipt.id.uuidString.lowercased(), time: Timestamp(receipt.time),
      actor: Actor(receipt.actor), action: receipt.action.rawValue,
      target: Target(
        type: receipt.target.type, id: receipt.target.id, name: receipt.target.name),
      outcome: Outcome(receipt.outcome), ipAddress: receipt.origin.ipAddress,
      userAgent: receipt.origin.userAgent, requestId: receipt.origin.requestID,
      details: Struct(fields: receipt.details.mapValues(StructValue.init)),
      accountId: receipt.accountID?.text ?? "")
  }
}

extension AuditAPI.AuditEvent.Actor {
  fileprivate init(_ actor: Receipt.Actor) {
    switch actor {
    case .user(let id, let email): self.init(type: "user", id: id.text, name: email)
    case .operator: self.init(type: "operator", name: "operator")
    case .anonymous: self.init(type: "anonymous")
    case .service(let name): self.init(type: "service", id: name, name: name)
    }
  }
}

extension AuditAPI.AuditEvent.Outcome {
  fileprivate init(_ outcome: Receipt.Outcome) {
    switch outcome {
    case .success: self = .success
    case .failure: self = .failure
    case .denied: self = .denied
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
