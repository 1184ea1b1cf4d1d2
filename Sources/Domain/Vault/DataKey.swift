import Cryptography
package import FoundationEssentials
package import Identity
import Synchronization

/// A user's data key, unwrapped: opens and seals that user's fields.
struct DataKey: Sendable {
  let id: UUID
  let userID: UserID
  let bytes: SecretBytes
}

/// A user's data key as the database holds it.
package struct WrappedDataKey: Sendable, Hashable {
  package let id: UUID
  package let userID: UserID
  /// Names the key-encryption key, so that opening never tries one after another.
  package let keyEncryptionKeyID: String
  /// IV, ciphertext and tag of `KeyWrap`, bound to the user and the key-encryption key's id.
  package let wrapped: [UInt8]

  package init(id: UUID, userID: UserID, keyEncryptionKeyID: String, wrapped: [UInt8]) {
    self.id = id
    self.userID = userID
    self.keyEncryptionKeyID = keyEncryptionKeyID
    self.wrapped = wrapped
  }

  /// Ties a wrapped key to its place.
  var associatedData: [UInt8] {
    AssociatedData.encode([
      Array("chatelaine data key v1".utf8), id.octets, userID.uuid.octets,
      Array(keyEncryptionKeyID.utf8),
    ])
  }
}

/// Unwrapped data keys for a short while, since unwrapping for each use would double its cost.
///
/// At most `keysMax` keys are held, in locked memory, each for at most twice `lifetime` after its
/// last use while the owner calls `dropIdle`.
package final class DataKeyCache: Sendable {
  package static let keysMax = 4_096
  package static let lifetime: Duration = .seconds(60)

  /// A key, and the row that it was unwrapped from.
  private struct Unwrapped {
    let wrapped: WrappedDataKey
    let key: DataKey
  }

  private let keys: Mutex<RecentlyUsed<UUID, Unwrapped>>

  package init(keysMax: Int = DataKeyCache.keysMax) {
    keys = Mutex(RecentlyUsed(countMax: keysMax, lifetime: Self.lifetime))
  }

  /// How many keys are held.
  package var count: Int { keys.withLock { $0.count } }

  /// The key of exactly this row if it is held, else what `unwrap` makes of it: a row that was
  /// wrapped anew or tampered with gets nothing on the strength of what it was.
  func key(
    _ wrapped: WrappedDataKey, unwrap: (WrappedDataKey) throws(VaultError) -> DataKey
  ) throws(VaultError) -> DataKey {
    if let held = keys.withLock({ $0.use(wrapped.id) }), held.wrapped == wrapped {
      return held.key
    }
    let key = try unwrap(wrapped)
    keys.withLock { $0.insert(Unwrapped(wrapped: wrapped, key: key), for: wrapped.id) }
    return key
  }

  /// Drops the keys of an account that is no more.
  func forget(_ userID: UserID) {
    keys.withLock { keys in keys.removeAll { _, held in held.key.userID == userID } }
  }

  /// Drops keys that were not used for a lifetime; to be called about once per `lifetime`.
  package func dropIdle(at now: ContinuousClock.Instant = .now) {
    keys.withLock { $0.dropIdle(at: now) }
  }
}
