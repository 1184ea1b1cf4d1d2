internal import NIOCore

/// How many resets a peer may make us send by breaking stream rules (CVE-2025-8671): a token bucket.
struct ResetBudget {
  private let burst: Double
  private let perSecond: Double
  private var tokens: Double
  private var updated = NIODeadline.now()
  private var seen = 0

  init(burst: Int, perSecond: Int) {
    self.burst = Double(burst)
    self.perSecond = Double(perSecond)
    tokens = Double(burst)
  }

  /// Takes the count of such resets so far; false when the peer has used up its budget.
  mutating func allows(total: Int) -> Bool {
    guard total != seen else { return true }
    let now = NIODeadline.now()
    let elapsed = Double((now - updated).nanoseconds) / 1_000_000_000
    updated = now
    tokens = min(burst, tokens + elapsed * perSecond) - Double(total - seen)
    seen = total
    return tokens >= 0
  }
}
