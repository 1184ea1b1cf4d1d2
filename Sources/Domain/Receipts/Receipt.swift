package import FoundationEssentials
package import Identity

/// The record of one thing that happened, on its way to the audit log.
///
/// A service commits it in the same transaction as the change it records.
package struct Receipt: Sendable, Hashable {
  /// Who did it.
  package enum Actor: Sendable, Hashable {
    case user(UserID, email: String)
    /// An operator at the machine, for the user of the receipt's account.
    case `operator`
    /// Nobody proved who they are, e.g. at a failed log-in.
    case anonymous
    /// One of the services, by its certificate.
    case service(String)
  }

  /// How it ended.
  package enum Outcome: Sendable, Hashable {
    case success
    /// It was allowed and did not work, e.g. a wrong password.
    case failure
    /// It was not allowed.
    case denied
  }

  /// What it was done to.
  package struct Target: Sendable, Hashable {
    /// E.g. `provider-config`.
    package let type: String
    package let id: String
    /// What a person calls it, e.g. `openai/default`.
    package let name: String

    package init(type: String, id: String, name: String = "") {
      self.type = type
      self.id = id
      self.name = name
    }
  }

  /// A value in the structured details; secrets have no case here.
  package enum Detail: Sendable, Hashable {
    case text(String)
    case number(Int)
    case flag(Bool)
  }

  /// Makes delivery idempotent.
  package let id: UUID
  package let time: Date
  package let actor: Actor
  package let action: ReceiptAction
  package let target: Target
  package let outcome: Outcome
  package let origin: CallOrigin
  package let details: [String: Detail]
  /// The account whose log shows it.
  package let accountID: UserID?

  package init(
    id: UUID = UUID(), time: Date = Date(), actor: Actor, action: ReceiptAction, target: Target,
    outcome: Outcome, origin: CallOrigin, details: [String: Detail] = [:], accountID: UserID?
  ) {
    self.id = id
    self.time = time
    self.actor = actor
    self.action = action
    self.target = target
    self.outcome = outcome
    self.origin = origin
    self.details = details
    self.accountID = accountID
  }
}

extension ReceiptAction {
  /// The kind of thing that it is done to: what stands before the dot.
  package var targetType: String {
    String(decoding: rawValue.utf8.prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self)
  }
}
