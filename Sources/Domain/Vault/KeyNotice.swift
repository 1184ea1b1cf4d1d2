import Cryptography
package import FoundationEssentials
package import Identity
import Receipts
import UseCases

/// What an owner is to be told of a key by mail. It is committed with what it tells of, and taken
/// by a gateway, which has `auth` send the mail.
package struct KeyNotice: Sendable, Hashable {
  /// The raw value is what is stored.
  package enum Kind: String, Sendable, Hashable, CaseIterable {
    /// The provider has refused the key many times in a row, and it isn't used any more.
    case quarantined
    /// The day has come of which the owner wanted to be reminded.
    case reminder
    /// The day has come from which the key isn't used.
    case expired
  }

  /// Names the notice: one that is delivered twice is the same mail.
  package let id: UUID
  package let userID: UserID
  package let kind: Kind
  package let configID: UUID
  /// What the owner calls the key, e.g. `OpenAI, default`.
  package let name: String
  package let time: Date

  package init(
    id: UUID = SecureRandom.uuid(), of userID: UserID, _ kind: Kind, about configID: UUID,
    name: String, at time: Date
  ) {
    self.id = id
    self.userID = userID
    self.kind = kind
    self.configID = configID
    self.name = name
    self.time = time
  }
}

extension VaultService {
  /// Notices that are taken, or told to be delivered, together.
  package static let noticesPerBatchMax = 64
  /// How long whoever takes a notice has to deliver it.
  package static let noticeLease: Duration = .seconds(60)

  /// Notices that nobody else is delivering.
  package func takeNotices(by service: String) async throws(VaultError) -> [KeyNotice] {
    try await door.perform(.keyNoticeDeliver, by: .service(service), from: CallOrigin()) {
      (_) async throws(VaultError) -> Act<[KeyNotice]> in
      .looked(
        try await store.takeNotices(limit: Self.noticesPerBatchMax, lease: Self.noticeLease))
    }
  }

  /// Forgets notices that were delivered; text that is no id names none.
  package func deleteNotices(_ ids: [String], by service: String) async throws(VaultError) {
    try await door.perform(.keyNoticeDeliver, by: .service(service), from: CallOrigin()) {
      (_) async throws(VaultError) -> Act<Void> in
      guard ids.count <= Self.noticesPerBatchMax else {
        throw .invalid(.ids, reason: "holds more than \(Self.noticesPerBatchMax) ids")
      }
      return .looked(try await store.deleteNotices(ids.compactMap { UUID(uuidString: $0) }))
    }
  }

  /// What the owner of this configuration is told.
  func notice(_ kind: KeyNotice.Kind, of config: ProviderConfig, at time: Date) -> KeyNotice {
    KeyNotice(
      of: config.userID, kind, about: config.id,
      name: "\(catalogue.displayName(config.provider)), \(config.label.text)", at: time)
  }
}
