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
