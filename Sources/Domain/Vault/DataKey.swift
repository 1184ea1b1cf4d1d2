import Cryptography
package import FoundationEssentials
package import Identity

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
