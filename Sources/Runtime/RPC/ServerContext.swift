package import NIOCore
internal import Synchronization

/// What interceptors and the handler know of a call besides its messages.
///
/// One object per call: passing it on costs a reference.
package final class ServerContext: CallParent {
  private struct State {
    var trace: TraceContext?
    var response: ResponseMetadata?
    var values: [ObjectIdentifier: any Sendable] = [:]
  }

  package let method: MethodDescriptor
  /// The request's metadata, without the protocol's own fields.
  package let metadata: Metadata
  /// Nil only for a streaming call whose client set none.
  package let deadline: Deadline?
  package let peer: Peer
  /// The request of a unary or server-streaming call came compressed.
  package let isRequestCompressed: Bool
  /// When the call arrived.
  package let started: NIODeadline
  private let state = Mutex(State())

  package init(
    method: MethodDescriptor, metadata: Metadata, deadline: Deadline?, peer: Peer,
    isRequestCompressed: Bool = false, started: NIODeadline = .now()
  ) {
    self.method = method
    self.metadata = metadata
    self.deadline = deadline
    self.peer = peer
    self.isRequestCompressed = isRequestCompressed
    self.started = started
  }

  /// Nil before `TracingInterceptor` has seen the call.
  package var trace: TraceContext? {
    get { state.withLock { $0.trace } }
    set { state.withLock { $0.trace = newValue } }
  }

  /// What the handler sends beside its messages.
  package var response: ResponseMetadata {
    get { responseIfSet ?? ResponseMetadata() }
    set { state.withLock { $0.response = newValue } }
  }

  /// Nil when there is nothing to send beside messages, as with most calls.
  package var responseIfSet: ResponseMetadata? { state.withLock { $0.response } }

  /// What an interceptor found out, by type.
  package subscript<Key: ContextKey>(_ key: Key.Type) -> Key.Value? {
    get { state.withLock { $0.values[ObjectIdentifier(key)] } as? Key.Value }
    set { state.withLock { $0.values[ObjectIdentifier(key)] = newValue } }
  }
}

/// A key of a call's values; conform an empty enum.
package protocol ContextKey {
  associatedtype Value: Sendable
}
