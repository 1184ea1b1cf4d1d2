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
}

/// A user who presented a valid credential, and the proof of it for the other services.
package struct Authenticated: Sendable {
  package let account: Account
  let credential: Caller.Credential
  package let assertion: IssuedAssertion
  /// How long this holds unless the credential is revoked: until it or the assertion ends.
  package let validFor: Duration

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
}

extension AuthService {
  /// Checks a password and starts a session.
  ///
  /// An unknown e-mail address and a wrong password get the same answer after the same work.
  package func createSession(
    email: String, password: SecretBytes, from origin: CallOrigin
  ) async throws(AuthError) -> StartedSession {
    let started = try await door.perform(.sessionCreate, by: .stranger, from: origin) {
      (entry) async throws(AuthError) -> Act<StartedSession?> in
      let email = try EmailAddress(email)
      try limits.admitLogIn(for: email, from: origin)
      let stored = try await store.account(emailKey: email.key)
      let verification = try await passwords.verify(password, against: stored?.passwordHash)
      guard let stored else {
        try await store.countUnknownLogIn(at: door.now)
        return .looked(nil)
      }
      entry.show(in: stored.account.id)
      entry.set(.account(stored.account))
      guard let verification else { return .failed(nil, reason: "wrong-password") }
      // Only who knows the password learns of it.
      guard !stored.account.isDisabled else { throw .disabled }
      if accounts.hidesAccounts, !stored.account.isVerified {
        // To say so would tell whoever has just signed up with it that nobody had this address.
        try await remind(stored.account, from: origin)
        return .failed(nil, reason: "unverified")
      }
      var rehash: PasswordRehash?
      if verification.needsRehash {
        rehash = PasswordRehash(
          oldHash: stored.passwordHash, newHash: try await passwords.hash(password))
      }
      return .committed(
        try await start(for: stored.account, rehash: rehash, from: origin, &entry))
    }
    guard let started else { throw .wrongCredentials }
    return started
  }

  private func remind(_ account: Account, from origin: CallOrigin) async throws(AuthError) {
    guard limits.allowsMail(to: account.email) else { return }
    try await store.insert(
      MailOrder(.confirmAddress, to: account.email, of: account.id, from: origin, at: door.now))
  }

  private func start(
    for account: Account, rehash: PasswordRehash?, from origin: CallOrigin, _ entry: inout Entry
  ) async throws(AuthError) -> StartedSession {
    let token = try Self.token(prefix: Session.tokenPrefix)
    let now = door.now
    let session = Session(
      id: UUID(), accountID: account.id, createTime: now, lastSeenTime: now,
      expireTime: now.advanced(by: policy.maxAge.timeInterval), origin: origin)
    entry.isBy(account.id, email: account.email.text)
    entry.set(.session(session.id))
    try await store.insert(
      session, tokenHash: token.storageHash, rehash: rehash,
      sessionsMax: Self.sessionsPerAccountMax, receipt: entry.success(at: now))
    return StartedSession(token: token, session: session, account: account)
  }

  /// Exchanges a session token or access token for an assertion; `.unauthenticated` for one that is
  /// unknown, over or revoked.
  package func authenticate(
    _ credential: PresentedCredential, from origin: CallOrigin
  ) async throws(AuthError) -> Authenticated {
    try await door.perform(.credentialAuthenticate, by: .stranger, from: origin) {
      (_) async throws(AuthError) -> Act<Authenticated> in
      switch credential {
      case .sessionToken(let text): .looked(try await authenticate(sessionToken: text))
      case .accessToken(let text): .looked(try await authenticate(accessToken: text))
      }
    }
  }

  private func authenticate(
    sessionToken text: SecretBytes
  ) async throws(AuthError) -> Authenticated {
    let now = door.now
    guard let token = SecureToken(text, prefix: Session.tokenPrefix),
      let (session, account) = try await store.session(tokenHash: token.storageHash),
      policy.isAlive(session, at: now), !account.isDisabled
    else { throw .unauthenticated }
    let threshold = now.advanced(by: -SessionPolicy.lastSeenInterval.timeInterval)
    if session.lastSeenTime <= threshold {
      store.noteSeen(session: session.id, at: now)
    }
    return try authenticated(
      account, by: .session(session.id), until: session.expireTime, at: now)
  }

  private func authenticate(
    accessToken text: SecretBytes
  ) async throws(AuthError) -> Authenticated {
    let now = door.now
    guard let token = SecureToken(text, prefix: AccessToken.tokenPrefix),
      let (stored, account) = try await store.accessToken(hash: token.storageHash),
      stored.isAlive(at: now), !account.isDisabled
    else { throw .unauthenticated }
    guard accounts.admits(account) else { throw .unverified }
    let threshold = now.advanced(by: -AccessToken.lastUseInterval.timeInterval)
    if stored.lastUseTime.map({ $0 <= threshold }) ?? true {
      store.noteUse(accessToken: stored.id, at: now)
    }
    return try authenticated(
      account, by: .accessToken(stored.id), scopes: stored.scopes, until: stored.expireTime,
      at: now)
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
