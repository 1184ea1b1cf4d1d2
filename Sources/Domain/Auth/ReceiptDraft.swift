internal import FoundationEssentials
internal import Identity
internal import Receipts

/// The parts of a receipt that one use case knows from its start.
struct ReceiptDraft: Sendable {
  let action: ReceiptAction
  let actor: Receipt.Actor
  let accountID: UserID
  let origin: CallOrigin

  /// Done by a signed-in user, or by an operator for one.
  init(_ action: ReceiptAction, by caller: Caller, from origin: CallOrigin) {
    self.action = action
    actor =
      switch caller.credential {
      case .operator: .operator
      case .session, .accessToken: .user(caller.userID, email: caller.email)
      }
    accountID = caller.userID
    self.origin = origin
  }

  init(
    _ action: ReceiptAction, by actor: Receipt.Actor, on account: Account, from origin: CallOrigin
  ) {
    self.action = action
    self.actor = actor
    accountID = account.id
    self.origin = origin
  }

  func receipt(
    at time: Date, target: Receipt.Target, outcome: Receipt.Outcome = .success,
    details: [String: Receipt.Detail] = [:]
  ) -> Receipt {
    Receipt(
      time: time, actor: actor, action: action, target: target, outcome: outcome, origin: origin,
      details: details, accountID: accountID)
  }
}

extension Receipt.Target {
  static func account(_ account: Account) -> Receipt.Target {
    Receipt.Target(type: "account", id: account.id.text, name: account.email.text)
  }

  static func session(_ id: UUID) -> Receipt.Target {
    Receipt.Target(type: "session", id: id.uuidString.lowercased())
  }

  static func accessToken(_ token: AccessToken) -> Receipt.Target {
    Receipt.Target(type: "access-token", id: token.id.uuidString.lowercased(), name: token.name)
  }
}
