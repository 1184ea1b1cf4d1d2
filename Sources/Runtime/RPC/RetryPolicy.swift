package import Pacing
import Synchronization

/// When, how often and how patiently a failed call is made again (gRFC A6).
package struct RetryPolicy: Sendable, Hashable {
  /// No policy may allow more attempts, the first one included.
  package static let attemptCountLimit = 5

  /// Attempts of one call, the first one included; 1 never retries.
  package var attemptCountMax = 3
  /// The waits before the second, third … attempt, unless the server names one.
  package var backoff = Backoff(min: .milliseconds(50), max: .seconds(1), multiplier: 2)
  /// Failures after which the same request may succeed.
  package var retryableCodes: Set<RPCError.Code> = [.unavailable]

  package init() {}

  var attemptCountBound: Int { min(attemptCountMax, Self.attemptCountLimit) }
}

/// What a server's status says about trying again: trailing metadata `grpc-retry-pushback-ms`.
package enum RetryPushback: Sendable, Hashable {
  package static let key = "grpc-retry-pushback-ms"

  /// Nothing was said: the client's own back-off counts.
  case none
  /// Exactly this long, then again.
  case after(Duration)
  /// Don't: a negative number, or something that isn't a number.
  case never

  package init(_ metadata: Metadata) {
    guard let value = metadata[Self.key] else {
      self = .none
      return
    }
    self.init(value: value)
  }

  /// Reads the value of the metadata.
  package init(value: String) {
    // Signs, spaces and the like make it malformed; so do more digits than any sane wait has.
    let isNumber = !value.isEmpty && value.utf8.allSatisfy { (0x30...0x39).contains($0) }
    guard isNumber, let milliseconds = Int32(value) else {
      self = .never
      return
    }
    self = .after(.milliseconds(Int64(milliseconds)))
  }
}

extension RPCError {
  /// Asks the client to try again after `wait`, or not at all.
  package mutating func pushBack(_ pushback: RetryPushback) {
    switch pushback {
    case .none: break
    case .never: metadata.store(RetryPushback.key.utf8, "-1".utf8)
    case .after(let wait):
      let milliseconds = wait.nanosecondsClamped / 1_000_000
      metadata.store(RetryPushback.key.utf8, String(milliseconds).utf8)
    }
  }
}

/// Stops the retries of a whole client while too much of what it sends fails, so that retries can't
/// keep a struggling service down (gRFC A6, "throttling").
///
/// A retryable failure costs a token, a success brings back `tokenRatio` of one. Retries need more
/// than half of the tokens. Share one budget among all retrying interceptors of a client.
package final class RetryBudget: Sendable {
  /// Tokens are counted in thousandths, so that an integer does.
  private static let scale = 1_000

  private let tokensMax: Int
  private let tokensPerSuccess: Int
  private let tokens: Atomic<Int>

  package init(tokenCountMax: Int = 100, tokenRatio: Double = 0.1) {
    tokensMax = max(1, tokenCountMax) * Self.scale
    let share = (tokenRatio * Double(Self.scale)).rounded()
    tokensPerSuccess = min(max(1, Int(exactly: share) ?? Self.scale), Self.scale)
    tokens = Atomic(tokensMax)
  }

  /// A retry may be made now.
  package var allowsRetry: Bool { tokens.load(ordering: .relaxed) > tokensMax / 2 }

  package func recordSuccess() { change(by: tokensPerSuccess) }

  /// Only failures that a retry might have mended count.
  package func recordFailure() { change(by: -Self.scale) }

  private func change(by amount: Int) {
    var current = tokens.load(ordering: .relaxed)
    while true {
      let changed = min(max(0, current + amount), tokensMax)
      // The usual case of a healthy client: full, and nothing to write.
      guard changed != current else { return }
      let (isExchanged, original) = tokens.weakCompareExchange(
        expected: current, desired: changed, ordering: .relaxed)
      if isExchanged { return }
      current = original
    }
  }
}
