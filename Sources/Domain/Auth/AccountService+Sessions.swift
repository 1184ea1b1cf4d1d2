package import Cryptography
package import FoundationEssentials
package import Identity
import Receipts
import UseCases

/// A person's own sessions.
extension AccountService {
  /// The caller's sessions that are not over, the one that was seen last first.
  package func sessions(
    of caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) -> [Session] {
    try await door.perform(.sessionList, by: .caller(caller), from: origin) {
      (_) async throws(AuthError) -> Act<[Session]> in
      let now = door.now
      return .looked(
        try await store.sessions(
          of: caller.userID, aliveAt: now,
          seenSince: now.advanced(by: -sessions.idleTime.timeInterval)))
    }
  }

  /// Has the caller's session go on under another token, so that whoever has seen the one before
  /// has nothing: for after whatever changes how its owner gets in. Returns when it ends, too.
  package func rotateSession(
    of caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) -> (token: SecureToken, expireTime: Date) {
    try await door.perform(.sessionRotate, by: .caller(caller), from: origin) {
      (_) async throws(AuthError) -> Act<(token: SecureToken, expireTime: Date)> in
      let token = try AuthService.token(prefix: Session.tokenPrefix)
      let expireTime = try await store.rotateSession(
        try session(of: caller), of: caller.userID, tokenHash: token.storageHash)
      return .looked((token, expireTime))
    }
  }

  /// Ends one of the caller's sessions; another user's is `.notFound` like none at all.
  package func deleteSession(
    _ id: String, for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) {
    try await door.perform(.sessionRevoke, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<Void> in
      guard let id = UUID(uuidString: id) else { throw .notFound }
      entry.set(.session(id))
      try await store.revokeSession(id, of: caller.userID, receipt: entry.success(at: door.now))
      return .committed(())
    }
  }

  /// Ends all of the caller's sessions but the one that asks; returns how many.
  package func deleteOtherSessions(
    of caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) -> Int {
    try await door.perform(.sessionRevoke, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<Int> in
      guard case .session(let own) = caller.credential else { throw .denied(.wrongCredential) }
      let (draft, now) = (entry, door.now)
      let count = try await store.revokeSessions(of: caller.userID, but: own) { count in
        var entry = draft
        entry.set("ended", .number(count))
        return entry.success(at: now)
      }
      return .committed(count)
    }
  }
}
