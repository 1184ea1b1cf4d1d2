import HTTP2
import NIOCore

/// Tokens that come at a steady rate up to a burst.
struct TokenBudget {
  private let burst: Double
  private let perSecond: Double
  private var tokens: Double
  private var updated = NIODeadline.now()

  init(burst: Int, perSecond: Int) {
    self.burst = Double(burst)
    self.perSecond = Double(perSecond)
    tokens = Double(burst)
  }

  /// False when more was spent than there was.
  mutating func spend(_ count: Int) -> Bool {
    guard count > 0 else { return tokens >= 0 }
    let now = NIODeadline.now()
    let elapsed = Double((now - updated).nanoseconds) / 1_000_000_000
    updated = now
    tokens = min(burst, tokens + elapsed * perSecond) - Double(count)
    return tokens >= 0
  }
}

/// What a peer may do that costs us and not it.
struct PeerBudgets {
  /// Frames that ask for nothing (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, unknown ones):
  /// so many at once, and steadily.
  private static let idleFramesBurst = 1_000
  private static let idleFramesPerSecond = 100
  /// What each frame of a call allows in addition: a reader of our streams answers with
  /// WINDOW_UPDATE and pings.
  private static let idleFramesPerCallFrame = 8
  /// How much of that may be saved up: the answers to what we send come later than it.
  private static let idleFramesSavedMax = 8_000

  private var resets: TokenBudget
  private var idleFrames = TokenBudget(
    burst: idleFramesBurst, perSecond: idleFramesPerSecond)
  private var savedIdleFrames = 0
  private var resetsSeen = 0
  private var idleFramesSeen = 0
  private var callFramesSeen = 0

  /// `resets` is how many streams a peer may make us reset by breaking rules (CVE-2025-8671).
  init(resets: (burst: Int, perSecond: Int)) {
    self.resets = TokenBudget(burst: resets.burst, perSecond: resets.perSecond)
  }

  /// Takes what the session has counted so far; false when the peer has used up a budget.
  mutating func allows(_ session: HTTP2Session) -> Bool {
    let newResets = session.resetsByPeerFault - resetsSeen
    let newIdleFrames = session.idleFrames - idleFramesSeen
    let newCallFrames = session.callFrames - callFramesSeen
    resetsSeen += newResets
    idleFramesSeen += newIdleFrames
    callFramesSeen += newCallFrames
    savedIdleFrames = min(
      Self.idleFramesSavedMax, savedIdleFrames + Self.idleFramesPerCallFrame * newCallFrames)
    let paid = min(savedIdleFrames, newIdleFrames)
    savedIdleFrames -= paid
    let excess = newIdleFrames - paid
    let areResetsAllowed = resets.spend(newResets)
    return idleFrames.spend(excess) && areResetsAllowed
  }
}

/// Refuses clients that ping for nothing: gRPC "Client-side keepalive", GOAWAY with `too_many_pings`.
///
/// Pings beside traffic are fine: clients measure the bandwidth with them.
struct PingPolicy {
  private static let strikesMax = 2

  private let interval: TimeAmount
  private var last: NIODeadline?
  private var strikes = 0
  private var trafficFramesSeen = 0

  init(interval: TimeAmount) {
    self.interval = interval
  }

  /// False when the client has pinged too early too often, with nothing else in between: HEADERS or
  /// DATA that we have sent, or HEADERS, DATA or WINDOW_UPDATE from it forgive what was before.
  mutating func allowsPing(trafficFrames: Int) -> Bool {
    let now = NIODeadline.now()
    defer { last = now }
    guard trafficFrames == trafficFramesSeen else {
      trafficFramesSeen = trafficFrames
      strikes = 0
      return true
    }
    guard let last, now - last < interval else { return true }
    strikes += 1
    return strikes <= Self.strikesMax
  }
}
