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

  /// Signs tickets with the current key, and takes those of each.
  package var ticketSigner: UseTicketSigner {
    let current = keys[currentID].map { [$0] } ?? []
    return UseTicketSigner(
      masterKeys: current + keys.filter { $0.key != currentID }.map(\.value))
  }

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

/// Signs what a resolve gives out for the end of its use to come back with, so that nobody can tell
/// of a use that never was.
///
/// The code is HMAC-SHA256 under a key that is derived from the master key: every vault of a
/// deployment takes what another gave, and so does one that has been started again. A ticket holds
/// nothing that its receiver didn't know, and is good for one entry of the log: the entry's id
/// follows from the resolve's.
package struct UseTicketSigner: Sendable {
  private static let label = Array("chatelaine use ticket".utf8)

  /// Also those of former master keys, for uses that began before a rotation.
  private let keys: [SecretBytes]

  /// - Parameter masterKeys: the current one first.
  init(masterKeys: [MasterKey]) {
    keys = masterKeys.map {
      SecretBytes(copying: HMACSHA256.authenticationCode(for: Self.label, key: $0.bytes))
    }
  }

  /// The ticket for `content`: it, behind its authentication code.
  package func sign(_ content: [UInt8]) -> [UInt8] {
    guard let key = keys.first else { return [] }
    return HMACSHA256.authenticationCode(for: content, key: key) + content
  }

  /// What a ticket was made for; nil for one of nobody's or another deployment's.
  package func content(of ticket: [UInt8]) -> [UInt8]? {
    guard ticket.count > HMACSHA256.byteCount else { return nil }
    let code = Array(ticket.prefix(HMACSHA256.byteCount))
    let content = Array(ticket.dropFirst(HMACSHA256.byteCount))
    return keys.contains { HMACSHA256.isValid(code, for: content, key: $0) } ? content : nil
  }
}
