package import NIOHTTP1
import Synchronization

/// What happens beside a request that waits for its answer: word that comes before it, and somebody
/// who gives the request up.
package final class UpstreamWatch: Sendable {
  /// Interim answers of one request; a provider that sends more doesn't mean to answer.
  static let interimAnswersMax = 1_024

  private struct State {
    var isStopped = false
    var onStop: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())
  /// Gets each interim answer (RFC 9110, 15.2) but 100 and 101, on the connection's event loop.
  let onInterim: @Sendable (HTTPResponseHead) -> Void

  package init(onInterim: @escaping @Sendable (HTTPResponseHead) -> Void = { _ in }) {
    self.onInterim = onInterim
  }

  var isStopped: Bool { state.withLock { $0.isStopped } }

  /// Gives the request up: whoever waits for its answer gets `UpstreamError.stopped`.
  package func stop() {
    let onStop = state.withLock { state in
      state.isStopped = true
      return state.onStop.take()
    }
    onStop?()
  }

  /// Says what ends the exchange that was just begun.
  func set(_ onStop: @escaping @Sendable () -> Void) {
    let isStopped = state.withLock { state in
      if !state.isStopped { state.onStop = onStop }
      return state.isStopped
    }
    if isStopped { onStop() }
  }
}
