package import FoundationEssentials
package import Identity

/// One stored key of one user, as it may be shown: nothing in it is secret.
package struct ProviderConfig: Sendable, Hashable {
  package var id: UUID
  package var userID: UserID
  /// An id of the provider catalogue.
  package var provider: String
  /// Unique per user and provider.
  package var label: Label
  package var maskedKey: MaskedKey
  /// `scheme://host:port` that the key is bound to: stored in clear because the binding must be
  /// rebuilt before anything can be opened.
  package var origin: String
  /// The custom endpoint with long path segments masked; nil where the provider's own is used.
  package var baseURLHint: String?
  package var enabled: Bool
  package var createTime: Date
  package var updateTime: Date
  /// Precise to a minute.
  package var lastUseTime: Date?
  /// Nil before the provider's first answer, and where nobody asks for it: with what is opened.
  package var health: KeyHealth?
  /// Counts the owner's changes, from 1.
  package var version: Int
  /// Names the key: the `version` that it came with.
  package var keyVersion: Int
  /// Since when the key isn't used, because the provider has refused it many times in a row.
  package var quarantineTime: Date?
  /// With what is opened, only the date from which it isn't used.
  package var notes: ConfigNotes

  /// A key beside the one that is used; nil for most.
  package var secondKey: SecondKey?
  /// Until when the second key is used first, because the provider has refused the other.
  package var fallbackTime: Date?

  /// What a change can name so that it is refused when there was another one before.
  package var etag: String { "\(version)" }

  package init(
    id: UUID, userID: UserID, provider: String, label: Label, maskedKey: MaskedKey,
    origin: String, baseURLHint: String?, enabled: Bool, createTime: Date, updateTime: Date,
    lastUseTime: Date?, health: KeyHealth? = nil, version: Int = 1, keyVersion: Int = 1,
    quarantineTime: Date? = nil, notes: ConfigNotes = ConfigNotes(),
    secondKey: SecondKey? = nil, fallbackTime: Date? = nil
  ) {
    self.id = id
    self.userID = userID
    self.provider = provider
    self.label = label
    self.maskedKey = maskedKey
    self.origin = origin
    self.baseURLHint = baseURLHint
    self.enabled = enabled
    self.createTime = createTime
    self.updateTime = updateTime
    self.lastUseTime = lastUseTime
    self.health = health
    self.version = version
    self.keyVersion = keyVersion
    self.quarantineTime = quarantineTime
    self.notes = notes
    self.secondKey = secondKey
    self.fallbackTime = fallbackTime
  }
}

/// A configuration with its sealed fields and the wrapped key that opens them.
package struct StoredConfig: Sendable, Hashable {
  package var config: ProviderConfig
  package var sealedKey: SealedField
  /// The custom endpoint; nil where the provider's own is used.
  package var sealedBaseURL: SealedField?
  package var dataKey: WrappedDataKey
  /// Of `config.secondKey`.
  package var sealedSecondKey: SealedField?
  /// The store's mark of the rows as they were read, another after every change to any of them;
  /// empty for what was not read.
  package var revision: String

  package init(
    config: ProviderConfig, sealedKey: SealedField, sealedBaseURL: SealedField?,
    dataKey: WrappedDataKey, sealedSecondKey: SealedField? = nil, revision: String = ""
  ) {
    self.config = config
    self.sealedKey = sealedKey
    self.sealedBaseURL = sealedBaseURL
    self.dataKey = dataKey
    self.sealedSecondKey = sealedSecondKey
    self.revision = revision
  }
}

/// What a person calls one of several keys for the same provider.
package struct Label: Sendable, Hashable {
  package static let charactersMax = 64
  /// The label of a configuration that was given none.
  package static let `default` = Label(stored: "default")

  package let text: String

  /// Takes 1 to 64 characters of `a-z 0-9 . _ -`; empty text means `default`.
  package init(_ text: String) throws(VaultError) {
    guard !text.isEmpty else {
      self = .default
      return
    }
    guard text.utf8.count <= Label.charactersMax, text.utf8.allSatisfy(Label.isAllowed) else {
      throw .invalid(
        .label,
        reason: "must be 1 to \(Label.charactersMax) characters of a-z, 0-9, '.', '_' and '-'")
    }
    self.text = text
  }

  /// Takes what the database holds, so that an odd row never breaks a list.
  package init(stored text: String) { self.text = text }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}
