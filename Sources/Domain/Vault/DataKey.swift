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
/// Two generations stand for the order of use: a key that is used moves to the younger one, and the
/// older one is dropped whole when the younger is full or `lifetime` has passed. So at most
/// `keysMax` keys are held, in locked memory, each for at most twice `lifetime` after its last
/// use while the owner calls `dropIdle`.
package final class DataKeyCache: Sendable {
  package static let keysMax = 4_096
  package static let lifetime: Duration = .seconds(60)

  private struct Generations {
    var young: [UUID: DataKey] = [:]
    var old: [UUID: DataKey] = [:]
    var turned: ContinuousClock.Instant = .now

    mutating func turn(at now: ContinuousClock.Instant) {
      old = young
      young = [:]
      turned = now
    }
  }

  private let keysMax: Int
  private let generations = Mutex(Generations())

  package init(keysMax: Int = DataKeyCache.keysMax) {
    self.keysMax = max(2, keysMax)
  }

  /// How many keys are held.
  package var count: Int { generations.withLock { $0.young.count + $0.old.count } }

  /// The key of this wrapped form if it is held, else what `unwrap` makes of it.
  func key(
    _ wrapped: WrappedDataKey, unwrap: (WrappedDataKey) throws(VaultError) -> DataKey
  ) throws(VaultError) -> DataKey {
    let held = generations.withLock { generations -> DataKey? in
      if let key = generations.young[wrapped.id] { return key }
      guard let key = generations.old.removeValue(forKey: wrapped.id) else { return nil }
      insert(key, into: &generations)
      return key
    }
    // The row says whose the key is; a row that was tampered with must not borrow another's.
    if let held, held.userID == wrapped.userID { return held }
    let key = try unwrap(wrapped)
    generations.withLock { insert(key, into: &$0) }
    return key
  }

  /// Drops keys that were not used for a lifetime; to be called about once per `lifetime`.
  package func dropIdle(at now: ContinuousClock.Instant = .now) {
    generations.withLock { generations in
      if generations.turned.duration(to: now) >= Self.lifetime { generations.turn(at: now) }
    }
  }

  private func insert(_ key: DataKey, into generations: inout Generations) {
    if generations.young.count >= keysMax / 2 { generations.turn(at: .now) }
    generations.young[key.id] = key
  }
}
