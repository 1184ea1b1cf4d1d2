import Cryptography
package import FoundationEssentials
package import Identity

/// The record of one thing that happened, on its way to the audit log.
///
/// A service commits it in the same transaction as the change it records.
package struct Receipt: Sendable, Hashable {
  /// Who did it, as the recording service knew them then.
  package struct Actor: Sendable, Hashable {
    /// `user`, `operator`, `service` or `anonymous`.
    package var type: String
    package var id: String
    /// The e-mail address or the service's name.
    package var name: String

    package init(type: String, id: String, name: String) {
      self.type = type
      self.id = id
      self.name = name
    }

    package static func user(_ id: UserID, email: String) -> Actor {
      Actor(type: "user", id: id.text, name: email)
    }

    /// An operator at the machine, for the user of the receipt's account.
    package static let `operator` = Actor(type: "operator", id: "", name: "operator")

    /// Nobody proved who they are, e.g. at a failed log-in.
    package static let anonymous = Actor(type: "anonymous", id: "", name: "")

    /// One of the services, by its certificate.
    package static func service(_ name: String) -> Actor {
      Actor(type: "service", id: name, name: name)
    }
  }

  /// How it ended; the raw value is what travels, and what the log's table holds.
  package enum Outcome: Int, Sendable, Hashable, CaseIterable {
    case success = 1
    /// It was allowed and did not work, e.g. a wrong password.
    case failure = 2
    /// It was not allowed.
    case denied = 3
  }

  /// What it was done to.
  package struct Target: Sendable, Hashable {
    /// E.g. `provider-config`.
    package var type: String
    package var id: String
    /// What a person calls it, e.g. `openai/default`.
    package var name: String

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
    id: UUID = SecureRandom.uuid(), time: Date = Date(), actor: Actor, action: ReceiptAction,
    target: Target,
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
