package import FoundationEssentials
package import Identity
package import Receipts

/// A receipt in the making: what is known of an action while it runs, all but how it ended.
package struct Entry: Sendable {
  package let action: ReceiptAction
  package let origin: CallOrigin
  package private(set) var actor: Receipt.Actor
  /// Until it is known, only the kind of thing.
  package private(set) var target: Receipt.Target
  package private(set) var details: [String: Receipt.Detail] = [:]
  /// The account whose log shows it.
  package private(set) var accountID: UserID?

  init(_ action: ReceiptAction, by principal: Principal, from origin: CallOrigin) {
    self.action = action
    self.origin = origin
    target = Receipt.Target(type: action.targetType, id: "")
    switch principal {
    case .stranger: actor = .anonymous
    case .operator: actor = .operator
    case .service(let name): actor = .service(name)
    case .caller(let caller):
      accountID = caller.userID
      details["credential"] = .text(caller.credential.word)
      details["credentialId"] = caller.credential.id.map { .text($0.text) }
      actor =
        caller.credential == .operator ? .operator : .user(caller.userID, email: caller.email)
    }
  }

  /// Says what it is done to, as soon as that is known.
  package mutating func set(_ target: Receipt.Target) { self.target = target }

  package mutating func set(_ name: String, _ detail: Receipt.Detail) { details[name] = detail }

  /// Says whose log shows it, where no caller does: at a sign-up, a log-in, an operator's act.
  package mutating func show(in account: UserID) { accountID = account }

  /// Says who it turned out to be: a stranger who has signed up or logged in.
  package mutating func isBy(_ account: UserID, email: String) {
    actor = .user(account, email: email)
    accountID = account
  }

  /// The receipt to commit together with the change.
  package func success(at time: Date) -> Receipt { receipt(.success, details, time) }

  func failure(_ reason: String, at time: Date) -> Receipt { receipt(.failure, reason, time) }

  func denied(_ refusal: Refusal, at time: Date) -> Receipt {
    receipt(.denied, refusal.rawValue, time)
  }

  private func receipt(_ outcome: Receipt.Outcome, _ reason: String, _ time: Date) -> Receipt {
    receipt(outcome, details.merging(["reason": .text(reason)]) { _, reason in reason }, time)
  }

  private func receipt(
    _ outcome: Receipt.Outcome, _ details: [String: Receipt.Detail], _ time: Date
  ) -> Receipt {
    Receipt(
      time: time, actor: actor, action: action, target: target, outcome: outcome, origin: origin,
      details: details, accountID: accountID)
  }
}

extension Caller.Credential {
  fileprivate var word: String {
    switch self {
    case .session: "session"
    case .accessToken: "access-token"
    case .operator: "operator"
    }
  }

  fileprivate var id: UUID? {
    switch self {
    case .session(let id), .accessToken(let id): id
    case .operator: nil
    }
  }
}
