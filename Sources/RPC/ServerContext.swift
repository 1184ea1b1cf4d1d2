/// What a handler knows of the call besides its message.
package struct ServerContext: Sendable {
  package let method: MethodDescriptor
  /// The request's metadata, without the protocol's own fields.
  package let metadata: Metadata
  package let deadline: Deadline?
  package let peer: Peer
  /// Values that interceptors found out, by type.
  package var values: ContextValues
  /// What the handler sends beside its message.
  package let response: ResponseMetadata

  package init(
    method: MethodDescriptor, metadata: Metadata, deadline: Deadline?, peer: Peer,
    values: ContextValues = ContextValues(), response: ResponseMetadata = ResponseMetadata()
  ) {
    self.method = method
    self.metadata = metadata
    self.deadline = deadline
    self.peer = peer
    self.values = values
    self.response = response
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

/// A key of `ContextValues`; conform an empty enum.
package protocol ContextKey {
  associatedtype Value: Sendable
}

/// A small typed bag carried by a call.
package struct ContextValues: Sendable {
  private var storage: [ObjectIdentifier: any Sendable] = [:]

  package init() {}

  package subscript<Key: ContextKey>(_ key: Key.Type) -> Key.Value? {
    get { storage[ObjectIdentifier(key)] as? Key.Value }
    set { storage[ObjectIdentifier(key)] = newValue }
  }
}
