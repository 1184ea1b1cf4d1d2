package import FoundationEssentials
import Identity

/// A configuration's second key, beside the one that is used: the next one, that its owner tries
/// before they switch, or the previous one, that still works for a while after they have.
///
/// It is sealed for the same place as the first. When the provider refuses one, the other is used.
package struct SecondKey: Sendable, Hashable {
  /// The raw value is what is stored.
  package enum Role: String, Sendable, Hashable, CaseIterable {
    case next
    case previous
  }

  /// The longest that a previous key is used beside its successor: 30 days, in seconds.
  package static let overlapSecondsMax = 30 * 86_400
  /// For which a refused key isn't tried again while the other one works, in seconds.
  package static let fallbackSeconds = 600.0

  package var role: Role
  package var maskedKey: MaskedKey
  /// As a configuration's `keyVersion`.
  package var keyVersion: Int
  /// When a previous key is destroyed; nil for a next one.
  package var endTime: Date?

  package init(role: Role, maskedKey: MaskedKey, keyVersion: Int, endTime: Date?) {
    self.role = role
    self.maskedKey = maskedKey
    self.keyVersion = keyVersion
    self.endTime = endTime
  }

  /// Whether it may be used at this moment.
  func isUsable(at time: Date) -> Bool { endTime.map { $0 > time } ?? true }
}

/// One of the keys of a configuration, sealed.
struct KeySlot: Sendable {
  let sealed: SealedField
  let keyVersion: Int
}

extension StoredConfig {
  /// The keys that may be used at `time`, the one to use first: the second one for a while after
  /// the provider has refused the first.
  func slots(at time: Date) -> [KeySlot] {
    let first = KeySlot(sealed: sealedKey, keyVersion: config.keyVersion)
    guard let second = config.secondKey, let sealed = sealedSecondKey, second.isUsable(at: time)
    else { return [first] }
    let other = KeySlot(sealed: sealed, keyVersion: second.keyVersion)
    let isFallback = config.fallbackTime.map { $0 > time } ?? false
    return isFallback ? [other, first] : [first, other]
  }

  /// Forgets the second key.
  mutating func dropSecondKey() {
    config.secondKey = nil
    config.fallbackTime = nil
    sealedSecondKey = nil
  }
}
