package import FoundationEssentials
import Identity
import Receipts
import UseCases

/// What an account's owner is told of one of their provider keys.
package struct KeyLetter: Sendable {
  package static let nameBytesMax = 200

  /// Names the mail: one that is asked for twice is the same.
  let id: UUID
  let accountID: UserID
  let occasion: MailOrder.Occasion
  let about: MailOrder.About
  let time: Date

  /// Throws `.invalid` with the field.
  package init(
    id: String, accountID: String, _ occasion: MailOrder.Occasion?, configID: String,
    name: String, time: Date
  ) throws(AuthError) {
    guard let id = UUID(uuidString: id) else { throw .invalid(.id, reason: "is no UUID") }
    guard let accountID = UUID(uuidString: accountID) else {
      throw .invalid(.accountID, reason: "is no UUID")
    }
    guard let configID = UUID(uuidString: configID) else {
      throw .invalid(.configID, reason: "is no UUID")
    }
    guard let occasion else { throw .invalid(.kind, reason: "is none that this auth knows") }
    guard name.utf8.count <= Self.nameBytesMax, name.utf8.allSatisfy({ $0 >= 0x20 }) else {
      throw .invalid(
        .name, reason: "is longer than \(Self.nameBytesMax) bytes, or holds a control character")
    }
    self.id = id
    self.accountID = UserID(accountID)
    self.occasion = occasion
    about = MailOrder.About(id: configID.uuidString.lowercased(), name: name)
    self.time = time
  }
}

extension AccountService {
  /// Owes an owner a mail about a key; does nothing where no mail is sent, the address was never
  /// proved to be theirs, or the account is gone.
  package func tell(_ letter: KeyLetter, by service: String) async throws(AuthError) {
    try await door.perform(.keyNoticeDeliver, by: .service(service), from: CallOrigin()) {
      (_) async throws(AuthError) -> Act<Void> in
      guard policy.sendsMail, let stored = try await store.storedAccount(letter.accountID),
        stored.account.isVerified
      else { return .looked(()) }
      let account = stored.account
      let mail = MailOrder(
        id: letter.id, letter.occasion, to: account.email, of: account.id,
        at: min(letter.time, door.now), about: letter.about)
      return .looked(try await store.insert([mail], receipts: []))
    }
  }
}
