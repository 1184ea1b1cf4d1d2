import NIOCore
import Pacing

/// What a peer may do that costs us and not it.
package struct PeerBudgets {
  /// Frames that ask for nothing (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, unknown
  /// ones): so many at once, and steadily.
  private static let idleFrameLimit = RateLimit(rate: 100, burst: 1_000)
  /// What each frame of a call or an exchange allows in addition: a reader of our streams answers
  /// with WINDOW_UPDATE and pings.
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
  package init(resets: (burst: Int, perSecond: Int) = (burst: 1_000, perSecond: 33)) {
    resetLimit = RateLimit(rate: resets.perSecond, burst: resets.burst)
    let now = Self.now
    self.resets = TokenBucket(now: now)
    idleFrames = TokenBucket(now: now)
  }

  /// Takes what the session has counted so far; false when the peer has used up a budget.
  package mutating func allows(_ session: HTTP2Session) -> Bool {
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
    let now = Self.now
    return resets.take(newResets, now: now, resetLimit) == nil
      && idleFrames.take(excess, now: now, Self.idleFrameLimit) == nil
  }

  private static var now: Int64 { Int64(clamping: NIODeadline.now().uptimeNanoseconds) }
}
