package import UseCases

/// Every way in which accounts, sessions and access tokens refuse or fail.
package enum AuthError: Error, Hashable {
  /// A request field at fault, by its JSON name.
  package enum Field: String, Sendable, CaseIterable {
    case email
    case password
    case currentPassword
    case newPassword
    case token
    case code
    case passkey
    case invitation
    case user
    case role
    case displayName
    case credential
    case purposes
    case certificates
    case name
    case expiresIn
    case id
    case scopes
    case accountID = "accountId"
    case configID = "configId"
    case kind
    case request
    case pageSize
    case pageToken
    case accountIDs = "accountIds"
    case limits
    case overlap
    case parentID = "parentId"
  }

  /// Bad input; `reason` names the limit and never repeats the value.
  case invalid(Field, reason: String)
  /// Somebody has an account with this e-mail address.
  case emailTaken
  /// The log-in failed. One answer for an unknown e-mail address and for a wrong password.
  case wrongCredentials
  /// Sign-up is not for everybody here: by invitation only, or not at all.
  case signUpClosed(SignUpMode)
  /// The link is unknown, over or has been used: the caller can't tell which.
  case linkOver
  /// The password was right, and an admin has shut the account out.
  case disabled
  /// The account's e-mail address must be confirmed before its keys can be used.
  case unverified
  /// Nobody would be left to look after accounts.
  case lastAdmin
  /// The account stays anyway, or can't be kept any more.
  case notToBeDeleted
  /// Log-in needs a second factor already.
  case secondFactorOn
  /// There is no second factor, or none that was begun.
  case secondFactorOff
  /// A passkey that doesn't hold what it promises, or that nobody has: the caller can't tell which.
  case passkeyRefused
  /// Nobody knows the portal's address, to which passkeys would belong.
  case passkeysOff
  /// The account has `Passkey.perAccountMax` already.
  case tooManyPasskeys
  /// A log-in provider can't be reached, or what it says can't be believed: the log has the reason.
  case providerFailed
  /// The way back from a provider was used, took too long, or was begun in another browser.
  case flowOver
  /// The address has an account, and its owner has not connected the identity.
  case identityUnlinked
  /// The provider has not verified the address.
  case identityUnverified
  /// The identity lets into an account already.
  case identityTaken
  /// The account has `LinkedIdentity.perAccountMax` already.
  case tooManyIdentities
  /// This portal sends no mail, so that nothing can be confirmed by it.
  case noMail
  /// The session or access token is unknown, over or revoked: the caller can't tell which.
  case unauthenticated
  /// The caller's credential doesn't allow it.
  case denied(Refusal)
  /// No such thing, or another user's: the caller can't tell which.
  case notFound
  /// The user has `AuthService.accessTokensPerAccountMax` access tokens already.
  case tooManyAccessTokens
  /// As many tokens as may be are derived from the caller's credential, or in its account.
  case tooManyDerivedTokens
  /// The caller's token is `AccessToken.depthMax` derivations away from one of its own.
  case derivedTooDeep
  /// Too many attempts from one place; one more makes sense after the delay.
  case tooManyAttempts(retryAfter: Duration)
  /// More passwords are waiting to be checked than may wait.
  case overloaded(retryAfter: Duration)
  /// The caller gave up.
  case cancelled
  /// The database can't be reached or takes too long; `detail` is for the operator's log.
  case storageUnavailable(detail: String)
  /// The database has no room left to write.
  case storageFull
  /// The database refused; `detail` is for the operator's log.
  case storage(detail: String)
  /// Hashing, signing or randomness failed; `detail` is for the operator's log.
  case engine(detail: String)
}

extension AuthError: UseCaseError {
  package var refusal: Refusal? {
    if case .denied(let refusal) = self { refusal } else { nil }
  }

  package var receiptReason: String? {
    switch self {
    case .notFound: "not-found"
    case .tooManyAccessTokens: "too-many-access-tokens"
    case .tooManyDerivedTokens: "too-many-derived-tokens"
    case .derivedTooDeep: "derived-too-deep"
    case .lastAdmin: "last-admin"
    case .tooManyPasskeys: "too-many-passkeys"
    case .identityTaken: "identity-taken"
    case .tooManyIdentities: "too-many-identities"
    case .disabled: "disabled"
    case .notToBeDeleted: "not-to-be-deleted"
    // Before anyone is known: a flood of them must not fill the log.
    case .emailTaken, .wrongCredentials, .unauthenticated, .tooManyAttempts, .signUpClosed,
      .linkOver, .unverified, .noMail, .secondFactorOn, .secondFactorOff, .passkeyRefused,
      .passkeysOff, .providerFailed, .flowOver, .identityUnlinked, .identityUnverified:
      nil
    case .invalid, .denied, .overloaded, .cancelled, .storageUnavailable, .storageFull,
      .storage, .engine:
      nil
    }
  }
}
