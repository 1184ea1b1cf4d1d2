package import FoundationEssentials
package import Identity

/// One log-in on one device. Its token is with the device; storage has the token's hash.
package struct Session: Sendable, Hashable {
  /// Names the session in receipts; proves nothing.
  package let id: UUID
  package let accountID: UserID
  package let createTime: Date
  /// Up to `SessionPolicy.lastSeenInterval` behind.
  package let lastSeenTime: Date
  /// When it ends, however much it is used.
  package let expireTime: Date
  /// Where the log-in came from.
  package let origin: CallOrigin

  package init(
    id: UUID, accountID: UserID, createTime: Date, lastSeenTime: Date, expireTime: Date,
    origin: CallOrigin
  ) {
    self.id = id
    self.accountID = accountID
    self.createTime = createTime
    self.lastSeenTime = lastSeenTime
    self.expireTime = expireTime
    self.origin = origin
  }

  /// What every session token begins with.
  package static let tokenPrefix = "chs_"
}

/// How long sessions live.
package struct SessionPolicy: Sendable, Hashable {
  package static let maxAgeDefault: Duration = .seconds(30 * 86_400)
  /// A session that nobody uses for this long ends early.
  package static let idleTimeMax: Duration = .seconds(7 * 86_400)
  /// How exact `Session.lastSeenTime` is: it costs one write per interval.
  package static let lastSeenInterval: Duration = .seconds(60)

  /// From log-in to the end, however much the session is used.
  package let maxAge: Duration

  package init(maxAge: Duration = SessionPolicy.maxAgeDefault) { self.maxAge = maxAge }

  var idleTime: Duration { min(Self.idleTimeMax, maxAge) }

  func isAlive(_ session: Session, at now: Date) -> Bool {
    now < session.expireTime && now < session.lastSeenTime.advanced(by: idleTime.timeInterval)
  }
}

extension Duration {
  var timeInterval: TimeInterval { self / .seconds(1) }
}
