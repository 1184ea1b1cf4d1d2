import FoundationEssentials
import Identity
import Receipts

/// Everything of a receipt but how it ended.
struct ReceiptDraft: Sendable {
  static let targetType = "provider-config"

  let action: ReceiptAction
  let caller: Caller
  private let origin: CallOrigin
  private var target = Receipt.Target(type: ReceiptDraft.targetType, id: "")
  private var details: [String: Receipt.Detail] = [:]

  init(_ action: ReceiptAction, _ caller: Caller, _ origin: CallOrigin) {
    self.action = action
    self.caller = caller
    self.origin = origin
    switch caller.credential {
    case .session(let id):
      details["credential"] = .text("session")
      details["credentialId"] = .text(id.uuidString.lowercased())
    case .accessToken(let id):
      details["credential"] = .text("access-token")
      details["credentialId"] = .text(id.uuidString.lowercased())
    case .operator:
      details["credential"] = .text("operator")
    }
  }

  /// About this configuration.
  func on(_ config: ProviderConfig) -> ReceiptDraft {
    var draft = self
    draft.target = Receipt.Target(
      type: Self.targetType, id: config.id.uuidString.lowercased(),
      name: "\(config.provider)/\(config.label.text)")
    draft.details["origin"] = .text(config.origin)
    return draft
  }

  /// About a configuration of which only the id is known.
  func on(id: UUID) -> ReceiptDraft {
    var draft = self
    draft.target = Receipt.Target(type: Self.targetType, id: id.uuidString.lowercased())
    return draft
  }

  /// About a configuration that was asked for by name.
  func on(provider: String, label: Label?) -> ReceiptDraft {
    var draft = self
    let name = label.map { "\(provider)/\($0.text)" } ?? provider
    draft.target = Receipt.Target(type: Self.targetType, id: "", name: name)
    return draft
  }

  func with(_ name: String, _ detail: Receipt.Detail) -> ReceiptDraft {
    var draft = self
    draft.details[name] = detail
    return draft
  }

  func success(at time: Date) -> Receipt { receipt(.success, details, time) }

  func failure(_ reason: String, at time: Date) -> Receipt {
    receipt(.failure, with("reason", .text(reason)).details, time)
  }

  private func receipt(
    _ outcome: Receipt.Outcome, _ details: [String: Receipt.Detail], _ time: Date
  ) -> Receipt {
    let actor: Receipt.Actor =
      caller.credential == .operator
      ? .operator : .user(caller.userID, email: caller.email)
    return Receipt(
      time: time, actor: actor, action: action, target: target, outcome: outcome,
      origin: origin, details: details, accountID: caller.userID)
  }
}
