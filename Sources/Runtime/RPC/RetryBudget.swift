internal import Synchronization

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
    tokensPerSuccess = max(1, Int((min(max(0, tokenRatio), 1) * Double(Self.scale)).rounded()))
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
