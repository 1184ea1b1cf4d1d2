/// What the operator has decided about accounts.
package struct AccountPolicy: Sendable, Hashable {
  package var signUp: SignUpMode
  /// Only addresses of these domains may sign up, in lower case; empty means any.
  package var emailDomains: Set<String>
  /// Whether this portal sends mail at all.
  package var sendsMail: Bool
  /// Whether accounts may be used whose address nobody has confirmed.
  package var allowsUnverified: Bool
  /// Whether the first account of all becomes an admin: on a machine of its owner's own.
  package var firstIsAdmin: Bool
  /// What authenticator apps call the portal.
  package var issuer: String
  /// How long an account can still be kept that is to be deleted.
  package var deletionGrace: Duration

  package static let deletionGraceDefault: Duration = .seconds(7 * 86_400)
  package static let deletionGraceMax: Duration = .seconds(90 * 86_400)

  package init(
    signUp: SignUpMode = .open, emailDomains: Set<String> = [], sendsMail: Bool = false,
    allowsUnverified: Bool = true, firstIsAdmin: Bool = false, issuer: String = "Chatelaine",
    deletionGrace: Duration = AccountPolicy.deletionGraceDefault
  ) {
    self.deletionGrace = deletionGrace
    self.issuer = issuer
    self.signUp = signUp
    self.emailDomains = emailDomains
    self.sendsMail = sendsMail
    self.allowsUnverified = allowsUnverified
    self.firstIsAdmin = firstIsAdmin
  }

  /// Whether a sign-up is answered alike whether or not the address has an account: then only the
  /// mail tells, and a log-in comes after it.
  package var hidesAccounts: Bool { sendsMail && !allowsUnverified }

  /// Whether an account can be used as far as its address is concerned.
  func admits(_ account: Account) -> Bool { allowsUnverified || account.isVerified }

  func check(_ email: EmailAddress) throws(AuthError) {
    guard !emailDomains.isEmpty, !emailDomains.contains(email.domain) else { return }
    throw .invalid(
      .email,
      reason: "must be an address of \(emailDomains.sorted().joined(separator: " or "))")
  }
}

/// Who may sign up.
package enum SignUpMode: String, Sendable, Hashable, CaseIterable {
  case open
  /// Whoever has the link of an invitation.
  case invitation
  case closed
}

extension EmailAddress {
  /// What stands behind the @, in lower case.
  package var domain: String {
    String(Substring(key.utf8.drop { $0 != UInt8(ascii: "@") }.dropFirst()))
  }
}
