package import Cryptography
import FoundationEssentials
import Identity
import Synchronization

/// The key-encryption keys of this process: one that wraps, and others that only unwrap.
///
/// The operator may exchange them while the process runs: `replace(with:)`.
package final class Keyring: Sendable {
  private struct Keys: Sendable {
    let currentID: String
    let byID: [String: MasterKey]
    let ticketSigner: UseTicketSigner
  }

  private let keys: Mutex<Keys>

  /// `others` are the keys that data keys in the database may also be wrapped with.
  package init(current: MasterKey, previous others: [MasterKey] = []) {
    let byID = Dictionary(
      (others + [current]).map { ($0.identifier, $0) }, uniquingKeysWith: { _, last in last })
    let former = byID.filter { $0.key != current.identifier }.map(\.value)
    keys = Mutex(
      Keys(
        currentID: current.identifier, byID: byID,
        ticketSigner: UseTicketSigner(masterKeys: [current] + former)))
  }

  /// Names the key that wraps new data keys.
  package var currentID: String { keys.withLock { $0.currentID } }

  /// Names every key, the current one first.
  package var ids: [String] {
    keys.withLock { keys in
      [keys.currentID] + keys.byID.keys.filter { $0 != keys.currentID }.sorted()
    }
  }

  /// Whether data keys wrapped with the key of this id can be unwrapped.
  package func holds(_ keyID: String) -> Bool { keys.withLock { $0.byID[keyID] != nil } }

  /// Signs tickets with the current key, and takes those of each.
  package var ticketSigner: UseTicketSigner { keys.withLock { $0.ticketSigner } }

  /// Takes the keys of another ring in place of its own, all at once.
  package func replace(with other: Keyring) {
    let others = other.keys.withLock { $0 }
    keys.withLock { $0 = others }
  }

  /// Creates a random data key for a user and wraps it with the current key.
  func createDataKey(for userID: UserID) throws(VaultError) -> WrappedDataKey {
    do {
      let bytes = try KeyWrap.generateDataKey()
      return try wrap(DataKey(id: UUID(), userID: userID, bytes: bytes))
    } catch let error as VaultError {
      throw error
    } catch {
      throw .cannotSeal(detail: "data key of user \(userID.text): \(error)")
    }
  }

  /// Wraps a data key with the current key.
  func wrap(_ dataKey: DataKey) throws(VaultError) -> WrappedDataKey {
    let (currentID, current) = keys.withLock { ($0.currentID, $0.byID[$0.currentID]) }
    guard let current else { throw .cannotSeal(detail: "no current key") }
    let place = WrappedDataKey(
      id: dataKey.id, userID: dataKey.userID, keyEncryptionKeyID: currentID, wrapped: [])
    do {
      let box = try KeyWrap.wrap(
        dataKey.bytes, with: current.bytes, associatedData: place.associatedData)
      return WrappedDataKey(
        id: dataKey.id, userID: dataKey.userID, keyEncryptionKeyID: currentID,
        wrapped: box.combined)
    } catch {
      throw .cannotSeal(detail: "data key \(dataKey.id): \(error)")
    }
  }

  /// Whether a data key opens with the key that is named.
  package func opens(_ dataKey: WrappedDataKey) -> Bool { (try? unwrap(dataKey)) != nil }

  /// Unwraps with the key that is named, and with no other.
  func unwrap(_ dataKey: WrappedDataKey) throws(VaultError) -> DataKey {
    guard let key = keys.withLock({ $0.byID[dataKey.keyEncryptionKeyID] }) else {
      throw .cannotOpen(
        detail: "data key \(dataKey.id) needs master key \(dataKey.keyEncryptionKeyID)")
    }
    do {
      let bytes = try KeyWrap.unwrap(
        SealedBox(combined: dataKey.wrapped), with: key.bytes,
        associatedData: dataKey.associatedData)
      return DataKey(id: dataKey.id, userID: dataKey.userID, bytes: bytes)
    } catch {
      throw .cannotOpen(detail: "data key \(dataKey.id): \(error)")
    }
  }
}
