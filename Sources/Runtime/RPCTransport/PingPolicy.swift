import NIOCore

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
