package import Cryptography
internal import FoundationEssentials
package import Identity
internal import Receipts

/// A session that has just begun.
package struct StartedSession: Sendable {
  package let token: SecureToken
  package let session: Session
  package let account: Account
}

/// A user who presented a valid credential, and the proof of it for the other services.
package struct Authenticated: Sendable {
  package let account: Account
  package let assertion: IssuedAssertion
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
    let email = try EmailAddress(email)
    try limits.admitLogIn(for: email, from: origin)
    let stored = try await store.account(emailKey: email.key)
    let verification = try await passwords.verify(password, against: stored?.passwordHash)
    guard let stored else {
      try await store.countUnknownLogIn(at: now)
      throw .wrongCredentials
    }
    guard let verification else {
      try await store.record(
        ReceiptDraft(.sessionCreate, by: .anonymous, on: stored.account, from: origin)
          .receipt(
            at: now, target: .account(stored.account), outcome: .failure,
            details: ["reason": .text("wrong-password")]))
      throw .wrongCredentials
    }
    var rehash: PasswordRehash?
    if verification.needsRehash {
      rehash = PasswordRehash(
        oldHash: stored.passwordHash, newHash: try await passwords.hash(password))
    }
    return try await start(for: stored.account, rehash: rehash, from: origin)
  }

  private func start(
    for account: Account, rehash: PasswordRehash?, from origin: CallOrigin
  ) async throws(AuthError) -> StartedSession {
    let token = try Self.token(prefix: Session.tokenPrefix)
    let now = now
    let session = Session(
      id: UUID(), accountID: account.id, createTime: now, lastSeenTime: now,
      expireTime: now.advanced(by: policy.maxAge.timeInterval), origin: origin)
    let receipt = ReceiptDraft(
      .sessionCreate, by: .user(account.id, email: account.email.text), on: account, from: origin
    ).receipt(at: now, target: .session(session.id))
    try await store.insert(
      session, tokenHash: token.storageHash, rehash: rehash,
      sessionsMax: Self.sessionsPerAccountMax, receipt: receipt)
    return StartedSession(token: token, session: session, account: account)
  }

  /// Exchanges a session token or access token for an assertion; `.unauthenticated` for one that is
  /// unknown, over or revoked.
  package func authenticate(
    _ credential: PresentedCredential
  ) async throws(AuthError) -> Authenticated {
    let now = now
    switch credential {
    case .sessionToken(let text):
      guard let token = SecureToken(text, prefix: Session.tokenPrefix),
        let (session, account) = try await store.session(tokenHash: token.storageHash),
        policy.isAlive(session, at: now)
      else { throw .unauthenticated }
      let threshold = now.advanced(by: -SessionPolicy.lastSeenInterval.timeInterval)
      if session.lastSeenTime <= threshold {
        try await store.noteSeen(session: session.id, at: now, unlessSince: threshold)
      }
      return try authenticated(account, by: .session(session.id), at: now)
    case .accessToken(let text):
      guard let token = SecureToken(text, prefix: AccessToken.tokenPrefix),
        let (stored, account) = try await store.accessToken(hash: token.storageHash),
        stored.isAlive(at: now)
      else { throw .unauthenticated }
      let threshold = now.advanced(by: -AccessToken.lastUseInterval.timeInterval)
      if stored.lastUseTime.map({ $0 <= threshold }) ?? true {
        try await store.noteUse(accessToken: stored.id, at: now, unlessSince: threshold)
      }
      return try authenticated(account, by: .accessToken(stored.id), at: now)
    }
  }

  /// Ends the caller's session; one that is over already stays over.
  package func deleteCurrentSession(
    of caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) {
    guard case .session(let id) = caller.credential else { throw .noSession }
    let receipt = ReceiptDraft(.sessionDelete, by: caller, from: origin)
      .receipt(at: now, target: .session(id))
    try await store.deleteSession(id, of: caller.userID, receipt: receipt)
  }

  /// Forgets sessions that nobody can use any more, and with them where people logged in from.
  package func removeEndedSessions() async throws(AuthError) -> Int {
    let now = now
    return try await store.deleteSessions(
      overAt: now, orUnseenSince: now.advanced(by: -policy.idleTime.timeInterval))
  }

  func authenticated(
    _ account: Account, by credential: Caller.Credential, at now: Date
  ) throws(AuthError) -> Authenticated {
    let caller = Caller(userID: account.id, email: account.email.text, credential: credential)
    return Authenticated(account: account, assertion: try assertions.issue(for: caller, at: now))
  }

  static func token(prefix: String) throws(AuthError) -> SecureToken {
    do {
      return try SecureToken.generate(prefix: prefix)
    } catch {
      throw .engine(detail: "token: \(error)")
    }
  }
}
