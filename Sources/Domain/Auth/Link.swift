import Cryptography
package import FoundationEssentials
package import Identity

/// What the link of a mail does; the raw value is what is stored.
package enum LinkPurpose: String, Sendable, Hashable, CaseIterable {
  /// Confirms the address that it was sent to.
  case verifyEmail = "verify-email"
  /// Makes the address that it was sent to the account's.
  case changeEmail = "change-email"
  /// Lets its holder choose a password.
  case resetPassword = "reset-password"
  /// Opens log-in again.
  case unlock
  /// Lets its holder sign up.
  case invitation
  /// Keeps an account that is to be deleted.
  case keepAccount = "keep-account"
  /// Not of a mail: a log-in whose password was right waits for its second factor.
  case secondFactor = "second-factor"

  /// How long a link works.
  package var lifetime: Duration {
    switch self {
    case .resetPassword, .unlock: .seconds(3_600)
    case .verifyEmail, .changeEmail: .seconds(86_400)
    case .invitation: .seconds(7 * 86_400)
    // As long as there is something to keep.
    case .keepAccount: AccountPolicy.deletionGraceMax
    case .secondFactor: .seconds(300)
    }
  }

  /// The portal's page that takes the token.
  var path: String {
    switch self {
    case .verifyEmail, .changeEmail, .unlock, .keepAccount: "/confirm?token="
    case .resetPassword: "/reset-password?token="
    case .invitation: "/sign-up?invitation="
    case .secondFactor: "/log-in?token="
    }
  }
}

/// What a one-time token stands for. The token is in one mail; storage has its hash.
package struct Link: Sendable, Hashable {
  package let purpose: LinkPurpose
  /// Nil for an invitation.
  package let accountID: UserID?
  /// The address that it was sent to.
  package let email: EmailAddress
  package let createTime: Date
  package let expireTime: Date

  package init(
    purpose: LinkPurpose, accountID: UserID?, email: EmailAddress, createTime: Date,
    expireTime: Date
  ) {
    self.purpose = purpose
    self.accountID = accountID
    self.email = email
    self.createTime = createTime
    self.expireTime = expireTime
  }

  /// What every token of a link begins with.
  package static let tokenPrefix = "chl_"
  /// Links of one purpose and account that work at one time; of more, the oldest don't.
  package static let countMax = 3

  /// The hash of what somebody presents; throws `.linkOver` for what can't be a token.
  static func hash(_ token: SecretBytes) throws(AuthError) -> [UInt8] {
    guard let token = SecureToken(token, prefix: tokenPrefix) else { throw .linkOver }
    return token.storageHash
  }
}

/// Makes links. Those of mails are made when the mail leaves, so that no token waits anywhere.
package struct LinkIssuer: Sendable {
  private let store: any AccountStore
  /// The portal's address without a slash at the end.
  private let portal: String

  package init(store: any AccountStore, portal: String) {
    self.store = store
    self.portal = portal
  }

  /// The address to open; whoever has it can do once what it is for.
  package func issue(
    _ purpose: LinkPurpose, for accountID: UserID?, email: EmailAddress, at now: Date
  ) async throws(AuthError) -> String {
    let token = try AuthService.token(prefix: Link.tokenPrefix)
    let link = Link(
      purpose: purpose, accountID: accountID, email: email, createTime: now,
      expireTime: now.advanced(by: purpose.lifetime.timeInterval))
    try await store.insert(link, tokenHash: token.storageHash, countMax: Link.countMax)
    return token.text.withUTF8String { portal + purpose.path + $0 }
  }
}
