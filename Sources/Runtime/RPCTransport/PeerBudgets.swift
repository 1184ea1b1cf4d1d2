import HTTP2
import NIOCore
import Pacing
import RPC

/// What a peer may do that costs us and not it.
struct PeerBudgets {
  /// Frames that ask for nothing (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, unknown
  /// ones): so many at once, and steadily.
  private static let idleFrameLimit = RateLimit(rate: 100, burst: 1_000)
  /// What each frame of a call allows in addition: a reader of our streams answers with
  /// WINDOW_UPDATE and pings.
  private static let idleFramesPerCallFrame = 8
  /// How much of that may be saved up: the answers to what we send come later than it.
  private static let idleFramesSavedMax = 8_000

  private let resetLimit: RateLimit
  private var resets: TokenBucket
  private var idleFrames: TokenBucket
  private var savedIdleFrames = 0
  private var resetsSeen = 0
  private var idleFramesSeen = 0
  private var callFramesSeen = 0

  /// `resets` is how many streams a peer may make us reset by breaking rules (CVE-2025-8671).
  init(resets: (burst: Int, perSecond: Int)) {
    resetLimit = RateLimit(rate: resets.perSecond, burst: resets.burst)
    let now = NIODeadline.now().nanosecondsClamped
    self.resets = TokenBucket(now: now)
    idleFrames = TokenBucket(now: now)
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
    // Most events cost nothing: then the clock isn't read.
    guard newResets > 0 || excess > 0 else { return true }
    let now = NIODeadline.now().nanosecondsClamped
    return resets.take(newResets, now: now, resetLimit) == nil
      && idleFrames.take(excess, now: now, Self.idleFrameLimit) == nil
  }
}

/// Refuses clients that ping for nothing: gRPC "Client-side keepalive", GOAWAY with
/// `too_many_pings`.
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
