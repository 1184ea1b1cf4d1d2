package import Cryptography
package import FoundationEssentials
package import Identity
import Receipts
import UseCases

/// A session that has just begun.
package struct StartedSession: Sendable {
  package let token: SecureToken
  package let session: Session
  package let account: Account
  /// For the device to keep: it isn't held up by others' wrong passwords then.
  package let deviceToken: String
}

/// What a right password leads to.
package enum LogIn: Sendable {
  case started(StartedSession)
  /// `completeSession` wants this token and a code, or a passkey if the account has one.
  case secondFactor(SecureToken, hasPasskey: Bool)
}

/// A user who presented a valid credential, and the proof of it for the other services.
package struct Authenticated: Sendable {
  package let account: Account
  let credential: Caller.Credential
  /// One for each purpose, at least one.
  package let assertions: [IssuedAssertion]
  /// How long this holds unless the credential is revoked: until it or the assertion ends.
  package let validFor: Duration
  /// When the user last proved in this session who they are.
  package let confirmTime: Date?
  /// What an access token is limited to.
  package let limits: AccessLimits

  /// Names the session or access token in revocations; nil for an operator.
  package var credentialID: UUID? {
    switch credential {
    case .session(let id), .accessToken(let id): id
    case .operator: nil
    }
  }
}

/// What a user can prove who they are with.
package enum PresentedCredential: Sendable {
  case sessionToken(SecretBytes)
  case accessToken(SecretBytes)

  /// Tells the kinds by what tokens begin with; nil for what is neither.
  package init?(text: SecretBytes) {
    func begins(with prefix: String) -> Bool {
      text.withUnsafeBytes { $0.starts(with: prefix.utf8) }
    }
    if begins(with: Session.tokenPrefix) {
      self = .sessionToken(text)
    } else if begins(with: AccessToken.tokenPrefix) {
      self = .accessToken(text)
    } else {
      return nil
    }
  }
}

extension AuthService {
  /// Checks a password and starts a session, or asks for a second factor.
  ///
  /// An unknown e-mail address and a wrong password get the same answer after the same work.
  ///
  /// - Parameter deviceToken: what an earlier log-in has given the device.
  package func createSession(
    email: String, password: SecretBytes, deviceToken: String = "", from origin: CallOrigin
  ) async throws(AuthError) -> LogIn {
    let logIn = try await door.perform(.sessionCreate, by: .stranger, from: origin) {
      (entry) async throws(AuthError) -> Act<LogIn?> in
      let email = try EmailAddress(email)
      let now = door.now
      let stored = try await store.account(emailKey: email.key)
      let device = stored.flatMap { devices?.device(deviceToken, of: $0.account.id, at: now) }
      try await limits.admitLogIn(for: email, from: origin, device: device, at: now)
      let verification = try await passwords.verify(
        password, against: stored?.passwordHash, for: origin)
      var isHeldUp = false
      if verification == nil { isHeldUp = try await limits.noteFailure(for: email, at: now) }
      guard let stored else {
        try await store.countUnknownLogIn(at: now)
        return .looked(nil)
      }
      let account = stored.account
      entry.show(in: account.id)
      entry.set(.account(account))
      guard let verification else {
        if isHeldUp { try await offerUnlocking(account, from: origin, at: now) }
        return .failed(nil, reason: "wrong-password")
      }
      guard !account.isGone(at: now) else { return .failed(nil, reason: "deleted") }
      // Only who knows the password learns of it.
      guard !account.isDisabled else { throw .disabled }
      if accounts.hidesAccounts, !account.isVerified {
        // To say so would tell whoever has just signed up with it that nobody had this address.
        try await remind(account, from: origin)
        return .failed(nil, reason: "unverified")
      }
      if stored.hasSecondFactor, let factors {
        return .looked(try await waitingLogIn(of: account, factors, at: now))
      }
      var rehash: PasswordRehash?
      if verification.needsRehash {
        rehash = PasswordRehash(
          oldHash: stored.passwordHash, newHash: try await passwords.hash(password, for: origin))
      }
      return .committed(
        .started(
          try await start(for: account, rehash: rehash, device: device, from: origin, &entry)))
    }
    guard let logIn else { throw .wrongCredentials }
    return logIn
  }

  /// Completes a log-in by a code of the authenticator app, or by a recovery code.
  package func completeSession(
    _ token: SecretBytes, code: String, deviceToken: String = "", from origin: CallOrigin
  ) async throws(AuthError) -> StartedSession {
    let started = try await door.perform(.sessionCreate, by: .stranger, from: origin) {
      (entry) async throws(AuthError) -> Act<StartedSession?> in
      let now = door.now
      try await limits.admitLink(from: origin, at: now)
      let (account, hash) = try await waiting(token)
      guard let factors else { throw .linkOver }
      entry.show(in: account.id)
      entry.set(.account(account))
      try await limits.admitConfirmation(of: account.id, at: now)
      guard try await factors.use(code, of: account.id, at: now) else {
        return .failed(nil, reason: "wrong-code")
      }
      guard try await factors.store.useLink(tokenHash: hash, purpose: .secondFactor, at: now)
      else { throw .linkOver }
      let device = devices?.device(deviceToken, of: account.id, at: now)
      return .committed(
        try await start(for: account, rehash: nil, device: device, from: origin, &entry))
    }
    guard let started else { throw AccountService.wrongCode }
    return started
  }

  /// The first factor was right: for five minutes a second one completes the log-in.
  func waitingLogIn(
    of account: Account, _ factors: SecondFactors, at now: Date
  ) async throws(AuthError) -> LogIn {
    let token = try await pending(account, factors, at: now)
    let state = try await factors.store.secondFactors(of: account.id)
    return .secondFactor(token, hasPasskey: state.passkeyCount > 0)
  }

  private func pending(
    _ account: Account, _ factors: SecondFactors, at now: Date
  ) async throws(AuthError) -> SecureToken {
    let token = try Self.token(prefix: Link.tokenPrefix)
    try await factors.store.insert(
      Link(
        purpose: .secondFactor, accountID: account.id, email: account.email, createTime: now,
        expireTime: now.advanced(by: LinkPurpose.secondFactor.lifetime.timeInterval)),
      tokenHash: token.storageHash, countMax: Self.sessionsPerAccountMax)
    return token
  }

  /// Many wrong passwords have come from somewhere: the owner can log in all the same.
  private func offerUnlocking(
    _ account: Account, from origin: CallOrigin, at now: Date
  ) async throws(AuthError) {
    guard accounts.sendsMail, !account.isDisabled else { return }
    try await store.insert(
      MailOrder(.unlock, to: account.email, of: account.id, from: origin, at: now))
  }

  private func remind(_ account: Account, from origin: CallOrigin) async throws(AuthError) {
    guard try await limits.allowsMail(to: account.email, at: door.now) else { return }
    try await store.insert(
      MailOrder(.confirmAddress, to: account.email, of: account.id, from: origin, at: door.now))
  }

  func start(
    for account: Account, rehash: PasswordRehash?, device: UUID?, from origin: CallOrigin,
    _ entry: inout Entry
  ) async throws(AuthError) -> StartedSession {
    let token = try Self.token(prefix: Session.tokenPrefix)
    let now = door.now
    let session = Session(
      id: UUID(), accountID: account.id, createTime: now, lastSeenTime: now,
      expireTime: now.advanced(by: policy.maxAge.timeInterval), origin: origin)
    entry.isBy(account.id, email: account.email.text)
    entry.set(.session(session.id))
    // Whoever logs in wants the account.
    if account.deleteTime != nil { try await restore(account, from: origin) }
    try await store.insert(
      session, tokenHash: token.storageHash, rehash: rehash,
      sessionsMax: Self.sessionsPerAccountMax, receipt: entry.success(at: now))
    // Right after the sign-up there is no other device.
    let isNewDevice =
      device == nil && devices != nil
      && now.timeIntervalSince(account.createTime) > Caller.confirmationLifetime
    if isNewDevice, accounts.sendsMail {
      try await store.insert(
        MailOrder(.newDevice, to: account.email, of: account.id, from: origin, at: now))
    }
    return StartedSession(
      token: token, session: session, account: account,
      deviceToken: devices?.issue(for: account.id, device: device ?? UUID(), at: now) ?? "")
  }

  /// Keeps an account that is to be deleted, because its owner has just proved who they are.
  private func restore(_ account: Account, from origin: CallOrigin) async throws(AuthError) {
    try await door.perform(.accountRestore, by: .stranger, from: origin) {
      (entry) async throws(AuthError) -> Act<Void> in
      entry.isBy(account.id, email: account.email.text)
      entry.set(.account(account))
      let now = door.now
      guard
        try await store.restore(
          account.id, at: now, receipt: entry.success(at: now),
          mail: accounts.sendsMail
            ? MailOrder(.accountKept, to: account.email, of: account.id, from: origin, at: now)
            : nil)
      else { throw .wrongCredentials }
      return .committed(())
    }
  }

  /// Exchanges a session token or access token for assertions on `terms`; `.unauthenticated` for
  /// one that is unknown, over or revoked.
  package func authenticate(
    _ credential: PresentedCredential, on terms: AssertionTerms = AssertionTerms(),
    from origin: CallOrigin
  ) async throws(AuthError) -> Authenticated {
    try await door.perform(.credentialAuthenticate, by: .stranger, from: origin) {
      (_) async throws(AuthError) -> Act<Authenticated> in
      let proof = try await proof(of: credential, from: origin)
      return .looked(try authenticated(proof, on: terms, at: door.now))
    }
  }

  /// Whose credential this is, for what no assertion is enough for: whatever gives rights that
  /// last. Throws as `authenticate` does.
  package func caller(
    presenting credential: PresentedCredential, from origin: CallOrigin
  ) async throws(AuthError) -> Caller {
    try await door.perform(.credentialAuthenticate, by: .stranger, from: origin) {
      (_) async throws(AuthError) -> Act<Caller> in
      .looked(try await proof(of: credential, from: origin).caller)
    }
  }

  private func proof(
    of credential: PresentedCredential, from origin: CallOrigin
  ) async throws(AuthError) -> Proof {
    switch credential {
    case .sessionToken(let text): try await proof(sessionToken: text)
    case .accessToken(let text): try await proof(accessToken: text, from: origin)
    }
  }

  private func proof(sessionToken text: SecretBytes) async throws(AuthError) -> Proof {
    let now = door.now
    guard let token = SecureToken(text, prefix: Session.tokenPrefix),
      let (session, account) = try await store.session(tokenHash: token.storageHash),
      policy.isAlive(session, at: now), !account.isOutOfUse
    else { throw .unauthenticated }
    let threshold = now.advanced(by: -SessionPolicy.lastSeenInterval.timeInterval)
    if session.lastSeenTime <= threshold {
      store.noteSeen(session: session.id, at: now)
    }
    return Proof(
      account, by: .session(session.id), until: session.expireTime,
      confirmTime: session.confirmTime)
  }

  private func proof(
    accessToken text: SecretBytes, from origin: CallOrigin
  ) async throws(AuthError) -> Proof {
    let now = door.now
    guard let token = SecureToken(text, prefix: AccessToken.tokenPrefix),
      let (stored, isOld, account) = try await store.accessToken(hash: token.storageHash),
      stored.isAlive(at: now), !account.isOutOfUse
    else { throw .unauthenticated }
    var end = stored.expireTime
    if isOld {
      guard let oldEnd = stored.oldSecretExpireTime, now < oldEnd else { throw .unauthenticated }
      end = end.map { min($0, oldEnd) } ?? oldEnd
    }
    guard accounts.admits(account) else { throw .unverified }
    let threshold = now.advanced(by: -AccessToken.lastUseInterval.timeInterval)
    if stored.lastUseTime.map({ $0 <= threshold }) ?? true {
      store.noteUse(accessToken: stored.id, at: now, from: origin.ipAddress)
    }
    return Proof(
      account, by: .accessToken(stored.id), scopes: stored.scopes, limits: stored.limits,
      until: end)
  }

  /// Ends the caller's session; one that is over already stays over.
  package func deleteCurrentSession(
    of caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) {
    try await door.perform(.sessionDelete, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<Void> in
      guard case .session(let id) = caller.credential else { throw .denied(.wrongCredential) }
      entry.set(.session(id))
      try await store.deleteSession(id, of: caller.userID, receipt: entry.success(at: door.now))
      return .committed(())
    }
  }

  /// Forgets sessions that nobody can use any more, and with them where people logged in from.
  package func removeEndedSessions() async throws(AuthError) -> Int {
    try await door.perform(.sessionSweep, by: .service(Self.name), from: CallOrigin()) {
      (_) async throws(AuthError) -> Act<Int> in
      let now = door.now
      return .looked(
        try await store.deleteSessions(
          overAt: now, orUnseenSince: now.advanced(by: -policy.idleTime.timeInterval)))
    }
  }
}
