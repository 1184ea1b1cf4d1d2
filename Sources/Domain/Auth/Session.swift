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
  /// When its owner last proved who they are: at log-in, or since.
  package let confirmTime: Date

  package init(
    id: UUID, accountID: UserID, createTime: Date, lastSeenTime: Date, expireTime: Date,
    origin: CallOrigin, confirmTime: Date? = nil
  ) {
    self.id = id
    self.accountID = accountID
    self.createTime = createTime
    self.lastSeenTime = lastSeenTime
    self.expireTime = expireTime
    self.origin = origin
    self.confirmTime = confirmTime ?? createTime
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

/// What people call the thing that they log in with.
package enum Device {
  // The first that is named counts: browsers name those that they want to pass for, too.
  private static let programs: [(mark: String, name: String)] = [
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"), ("Chrome/", "Chrome"),
    ("Safari/", "Safari"), ("curl/", "curl"), ("python-requests/", "Python"),
    ("python-httpx/", "Python"), ("Python/", "Python"), ("node", "Node.js"),
    ("Go-http-client/", "Go"), ("chatelaine ", "the command line"),
  ]
  private static let systems: [(mark: String, name: String)] = [
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("CrOS", "ChromeOS"),
    ("Windows", "Windows"), ("Mac OS X", "macOS"), ("Macintosh", "macOS"), ("Linux", "Linux"),
  ]

  /// E.g. `Firefox on Linux`; what a user agent says is its own word, for people's eyes only.
  package static func name(userAgent: String) -> String {
    let bytes = Array(userAgent.utf8)
    func first(_ list: [(mark: String, name: String)]) -> String? {
      list.first { contains(bytes, Array($0.mark.utf8)) }?.name
    }
    switch (first(programs), first(systems)) {
    case (let program?, let system?): return "\(program) on \(system)"
    case (let program?, nil): return program
    case (nil, let system?): return system
    case (nil, nil): return "An unknown device"
    }
  }

  private static func contains(_ text: [UInt8], _ mark: [UInt8]) -> Bool {
    guard text.count >= mark.count else { return false }
    return (0...text.count - mark.count).contains { text[$0...].starts(with: mark) }
  }
}
