internal import Synchronization

/// What interceptors and the handler know of a call besides its messages.
///
/// One object per call: passing it on costs a reference.
package final class ServerContext: Sendable {
  package let method: MethodDescriptor
  /// The request's metadata, without the protocol's own fields.
  package let metadata: Metadata
  /// Nil only for a streaming call whose client set none.
  package let deadline: Deadline?
  package let peer: Peer
  /// The request of a unary or server-streaming call came compressed.
  package let isRequestCompressed: Bool
  /// What the handler sends beside its messages.
  package let response: ResponseMetadata
  private let values = Mutex(ContextValues())

  package init(
    method: MethodDescriptor, metadata: Metadata, deadline: Deadline?, peer: Peer,
    isRequestCompressed: Bool = false, response: ResponseMetadata = ResponseMetadata()
  ) {
    self.method = method
    self.metadata = metadata
    self.deadline = deadline
    self.peer = peer
    self.isRequestCompressed = isRequestCompressed
    self.response = response
  }

  /// What an interceptor found out, by type.
  package subscript<Key: ContextKey>(_ key: Key.Type) -> Key.Value? {
    get { values.withLock { $0[key] } }
    set { values.withLock { $0[key] = newValue } }
  }
}

/// Who is at the other end of the connection.
package struct Peer: Sendable, Hashable {
  /// E.g. `127.0.0.1:51934`; for logs.
  package let address: String
  /// URI subject alternative names of the verified client certificate, e.g.
  /// `spiffe://chatelaine/gateway`; empty without TLS.
  package let identities: [String]

  package init(address: String, identities: [String] = []) {
    self.address = address
    self.identities = identities
  }
}

/// A key of a call's values; conform an empty enum.
package protocol ContextKey {
  associatedtype Value: Sendable
}

/// A small typed bag.
private struct ContextValues: Sendable {
  private var storage: [ObjectIdentifier: any Sendable] = [:]

  subscript<Key: ContextKey>(_ key: Key.Type) -> Key.Value? {
    get { storage[ObjectIdentifier(key)] as? Key.Value }
    set { storage[ObjectIdentifier(key)] = newValue }
  }
}
