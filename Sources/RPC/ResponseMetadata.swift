internal import Synchronization

/// Metadata that a handler wants to send beside its answer.
package final class ResponseMetadata: Sendable {
  private let state = Mutex((initial: Metadata(), trailing: Metadata()))

  package init() {}

  /// Sent before the message.
  package var initial: Metadata {
    get { state.withLock { $0.initial } }
    set { state.withLock { $0.initial = newValue } }
  }

  /// Sent with the status, also when the call fails.
  package var trailing: Metadata {
    get { state.withLock { $0.trailing } }
    set { state.withLock { $0.trailing = newValue } }
  }
}
