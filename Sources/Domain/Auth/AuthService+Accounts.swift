package import Cryptography
internal import FoundationEssentials
package import Identity
internal import Receipts

extension AuthService {
  /// Signs a person up. Takes as long for an e-mail address that is taken, since the password is
  /// hashed before anyone looks; that it is taken, the answer says.
  package func createAccount(
    email: String, password: SecretBytes, displayName: String, from origin: CallOrigin
  ) async throws(AuthError) -> Account {
    try limits.admitSignUp(from: origin)
    let email = try EmailAddress(email)
    let password = try NewPassword(password, email: email)
    let account = Account(
      id: UserID(UUID()), email: email, displayName: try DisplayName(displayName),
      createTime: now)
    let hash = try await passwords.hash(password.secret)
    let receipt = ReceiptDraft(
      .accountCreate, by: .user(account.id, email: email.text), on: account, from: origin
    ).receipt(at: account.createTime, target: .account(account))
    try await store.insert(account, passwordHash: hash, receipt: receipt)
    return account
  }

  /// The caller's own account.
  package func currentAccount(of caller: Caller) async throws(AuthError) -> Account {
    guard let account = try await store.account(caller.userID) else { throw .unauthenticated }
    return account
  }

  /// Lets an operator act for the user with this e-mail address, and leaves a receipt of it in that
  /// user's log.
  package func impersonate(
    email: String, from origin: CallOrigin
  ) async throws(AuthError) -> Authenticated {
    let email = try EmailAddress(email)
    guard let account = try await store.account(emailKey: email.key)?.account else {
      throw .notFound
    }
    let now = now
    // The receipt first: no assertion leaves without one.
    try await store.record(
      ReceiptDraft(.operatorImpersonate, by: .operator, on: account, from: origin)
        .receipt(at: now, target: .account(account)))
    return try authenticated(account, by: .operator, at: now)
  }
}
