package import NIOCore
import Synchronization

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

/// Metadata that a handler wants to send beside its messages, and how it wants them sent.
package struct ResponseMetadata: Sendable {
  /// Sent before the first message; changes after that come too late.
  package var initial = Metadata()
  /// Sent with the status, also when the call fails.
  package var trailing = Metadata()
  /// Compress messages that don't say otherwise, if the client understands gzip.
  package var isCompressed = false

  package init() {}
}

/// What the calls that are made for some work inherit from it.
///
/// A class, so that handing it to a task is one reference.
package protocol CallParent: AnyObject, Sendable {
  var deadline: Deadline? { get }
  var trace: TraceContext? { get }
}

/// The work that a task does: a handler's is the call that it answers.
package enum CallScope {
  @TaskLocal package static var current: (any CallParent)?

  /// Calls that are made end by then, whatever their own deadline is.
  package static var deadline: Deadline? { current?.deadline }
  /// The trace that they belong to.
  package static var trace: TraceContext? { current?.trace }
}

extension CallOptions {
  /// The earlier of the caller's own deadline and that of the call it is answering.
  package var effectiveDeadline: Deadline {
    CallScope.deadline.map { min($0, deadline) } ?? deadline
  }
}
