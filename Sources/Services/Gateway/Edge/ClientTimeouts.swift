import NIOCore

/// How long clients may keep the gateway waiting.
package struct ClientTimeouts: Sendable {
  /// From a connection's start, or the first byte of a later request, to the end of the head.
  package var requestHeadTimeout: Duration = .seconds(10)
  /// How long a connection is kept without a request.
  package var keepAliveTimeout: Duration = .seconds(75)
  /// What the body of a page's form or of the JSON API may take in all.
  package var bodyTimeout: Duration = .seconds(15)
  /// How long a body for a provider may be silent, and what it may take before its bytes count.
  package var proxiedBodyTimeout: Duration = .seconds(30)
  /// The least rate of such a body: each of these many bytes gives it another second.
  package var proxiedBodyBytesPerSecondMin = 1_024
  /// What a client that was too slow has to read the answer that says so.
  package var farewellTimeout: Duration = .seconds(2)

  package init() {}
}

/// Why a request's body ends early.
enum RequestPaceError: Error {
  case bodyTooSlow
}

/// How long one body has been waited for, and how long it may be.
struct BodyWait {
  var isProxied = false
  private let timeouts: ClientTimeouts
  private var waited = TimeAmount.zero
  private var since: NIODeadline?
  private var byteCount = 0

  init(_ timeouts: ClientTimeouts) {
    self.timeouts = timeouts
  }

  /// Nil while nobody waits.
  var deadline: NIODeadline? {
    guard let since else { return nil }
    guard isProxied else { return since + (TimeAmount(timeouts.bodyTimeout) - waited) }
    let silence = TimeAmount(timeouts.proxiedBodyTimeout)
    let earned = TimeAmount.seconds(Int64(byteCount / timeouts.proxiedBodyBytesPerSecondMin))
    return since + min(silence, silence + earned - waited)
  }

  mutating func begin() {
    since = since ?? .now()
  }

  mutating func received(_ count: Int) {
    byteCount += count
    guard let since else { return }
    waited = waited + (.now() - since)
    self.since = nil
  }
}
