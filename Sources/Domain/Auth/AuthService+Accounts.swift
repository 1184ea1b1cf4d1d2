package import Cryptography
import FoundationEssentials
package import Identity
import Receipts
import UseCases

extension AuthService {
  /// Bytes of what a forged request is reported as.
  package static let requestLineBytesMax = 512

  /// Signs a person up. Takes as long for an e-mail address that is taken, since the password is
  /// hashed before anyone looks.
  ///
  /// Where the portal hides who has an account, the answer is the same for an address that is
  /// taken: an account that is nobody's, and a mail to the owner of the address. Whose that is,
  /// `addressee` finds out when the mail leaves, so that both cost the same statements.
  package func createAccount(
    email: String, password: SecretBytes, displayName: String, invitation: SecretBytes? = nil,
    from origin: CallOrigin
  ) async throws(AuthError) -> Account {
    try await door.perform(.accountCreate, by: .stranger, from: origin) {
      (entry) async throws(AuthError) -> Act<Account> in
      try await limits.admitSignUp(from: origin, at: door.now)
      let invitationHash = try admit(invitation)
      let email = try EmailAddress(email)
      if invitationHash == nil { try accounts.check(email) }
      let password = try NewPassword(password, email: email)
      let now = door.now
      let account = Account(
        id: UserID(UUID()), email: email, displayName: try DisplayName(displayName),
        createTime: now, verifyTime: invitationHash == nil ? nil : now)
      let hash = try await passwords.hash(password.secret, for: origin)
      entry.isBy(account.id, email: email.text)
      entry.set(.account(account))
      let isToConfirm = accounts.sendsMail && !account.isVerified
      let new = NewAccount(
        account: account, passwordHash: hash, invitationHash: invitationHash,
        mayBecomeAdmin: accounts.firstIsAdmin,
        mails: isToConfirm
          ? [MailOrder(.confirmAddress, to: email, of: account.id, from: origin, at: now)] : [],
        mailIfTaken: accounts.hidesAccounts
          ? MailOrder(.addressTaken, to: email, of: nil, from: origin, at: now) : nil,
        receipt: entry.success(at: now))
      return .committed(try await store.insert(new))
    }
  }

  /// Throws `.signUpClosed` unless whoever brings this may sign up.
  private func admit(_ invitation: SecretBytes?) throws(AuthError) -> [UInt8]? {
    let hash: [UInt8]?
    if let invitation, invitation.count > 0 {
      hash = try Link.hash(invitation)
    } else {
      hash = nil
    }
    switch accounts.signUp {
    case .open: return hash
    case .invitation:
      guard let hash else { throw .signUpClosed(.invitation) }
      return hash
    case .closed: throw .signUpClosed(.closed)
    }
  }

  /// The caller's own account.
  package func currentAccount(
    of caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) -> Account {
    try await door.perform(.accountGet, by: .caller(caller), from: origin) {
      (_) async throws(AuthError) -> Act<Account> in
      guard let account = try await store.account(caller.userID) else { throw .unauthenticated }
      return .looked(account)
    }
  }

  /// Lets an operator act for the user with this e-mail address, and leaves a receipt of it in that
  /// user's log.
  package func impersonate(
    email: String, on terms: AssertionTerms = AssertionTerms(), from origin: CallOrigin
  ) async throws(AuthError) -> Authenticated {
    try await door.perform(.operatorImpersonate, by: .operator, from: origin) {
      (entry) async throws(AuthError) -> Act<Authenticated> in
      let email = try EmailAddress(email)
      guard let account = try await store.account(emailKey: email.key)?.account else {
        throw .notFound
      }
      entry.show(in: account.id)
      entry.set(.account(account))
      return .succeeded(
        try authenticated(Proof(account, by: .operator), on: terms, at: door.now))
    }
  }

  /// Records that a request with the caller's credential was refused because their own pages didn't
  /// send it. `request` is its method and path.
  package func reportForgery(
    of request: String, for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) {
    try await door.refuse(
      .requestForge, by: .caller(caller), from: origin,
      on: try Self.target(ofRequest: request), because: .crossSite)
  }

  /// Records that a peer called a method that is not for it.
  package func refuse(peer: String, method: String) async throws(AuthError) {
    try await door.refuse(
      .peerCall, by: .service(peer), from: CallOrigin(), on: .method(method),
      because: .peerNotAllowed)
  }

  private static func target(ofRequest request: String) throws(AuthError) -> Receipt.Target {
    guard (1...requestLineBytesMax).contains(request.utf8.count) else {
      throw .invalid(.request, reason: "must have 1 to \(requestLineBytesMax) bytes")
    }
    guard request.isFreeOfControlCharacters else {
      throw .invalid(.request, reason: "must not contain control characters")
    }
    return Receipt.Target(type: "request", id: "", name: request)
  }
}
