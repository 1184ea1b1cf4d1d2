package import Cryptography
import FoundationEssentials
import Identity

/// The key-encryption keys of this process: one that wraps, and older ones that only unwrap.
package struct Keyring: Sendable {
  /// Names the key that wraps new data keys.
  package let currentID: String
  private let keys: [String: MasterKey]

  /// `previous` are the keys that data keys in the database may still be wrapped with.
  package init(current: MasterKey, previous: [MasterKey] = []) {
    currentID = current.identifier
    keys = Dictionary(
      (previous + [current]).map { ($0.identifier, $0) }, uniquingKeysWith: { _, last in last })
  }

  /// Whether data keys wrapped with the key of this id can be unwrapped.
  package func holds(_ keyID: String) -> Bool { keys[keyID] != nil }

  /// Creates a random data key for a user and wraps it with the current key.
  func createDataKey(for userID: UserID) throws(VaultError) -> WrappedDataKey {
    guard let key = keys[currentID] else { throw .cannotSeal(detail: "no current key") }
    let unwrapped = WrappedDataKey(
      id: UUID(), userID: userID, keyEncryptionKeyID: currentID, wrapped: [])
    do {
      let box = try KeyWrap.wrap(
        KeyWrap.generateDataKey(), with: key.bytes, associatedData: unwrapped.associatedData)
      return WrappedDataKey(
        id: unwrapped.id, userID: userID, keyEncryptionKeyID: currentID, wrapped: box.combined)
    } catch {
      throw .cannotSeal(detail: "data key of user \(userID.text): \(error)")
    }
  }

  /// Unwraps with the key that is named, and with no other.
  func unwrap(_ dataKey: WrappedDataKey) throws(VaultError) -> DataKey {
    guard let key = keys[dataKey.keyEncryptionKeyID] else {
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
