internal import Synchronization

/// Metadata that a handler wants to send beside its messages, and how it wants them sent.
package final class ResponseMetadata: Sendable {
  private struct State {
    var initial = Metadata()
    var trailing = Metadata()
    var isCompressed = false
  }

  private let state = Mutex(State())

  package init() {}

  /// Sent before the first message; changes after that come too late.
  package var initial: Metadata {
    get { state.withLock { $0.initial } }
    set { state.withLock { $0.initial = newValue } }
  }

  /// Sent with the status, also when the call fails.
  package var trailing: Metadata {
    get { state.withLock { $0.trailing } }
    set { state.withLock { $0.trailing = newValue } }
  }

  /// Compress messages that don't say otherwise, if the client understands gzip.
  package var isCompressed: Bool {
    get { state.withLock { $0.isCompressed } }
    set { state.withLock { $0.isCompressed = newValue } }
  }
}
