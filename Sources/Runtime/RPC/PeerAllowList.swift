package import Logging

/// Lets only the peers that its rules allow call each method; a method without a rule is denied to
/// all.
package final class PeerAllowList: ServerInterceptor {
  /// Who may call a method.
  package enum Callers: Sendable, Hashable {
    /// The peers with one of these URI identities, e.g. `spiffe://chatelaine/gateway`, and their
    /// instances, which have one more segment: `spiffe://chatelaine/gateway/2`.
    case named(Set<String>)
    /// Any peer that proved an identity: TLS has checked that the mesh's authority vouches for it.
    /// A connection without TLS has none.
    case anyVerifiedPeer
  }

  /// Method path (`/package.Service/Method`) to who may call it.
  package typealias Rules = [String: Callers]

  private let rules: Rules
  private let logger: Logger
  private let onRefusal: @Sendable (Peer, MethodDescriptor) -> Void

  /// `onRefusal` hears of each call that is refused, on the event loop: it must not wait.
  package init(
    _ rules: Rules, logger: Logger,
    onRefusal: @escaping @Sendable (Peer, MethodDescriptor) -> Void = { _, _ in }
  ) {
    self.rules = rules
    self.logger = logger
    self.onRefusal = onRefusal
  }

  /// The same callers for every method of `methods`.
  package static func rules(_ methods: [MethodDescriptor], allow callers: Callers) -> Rules {
    Rules(methods.map { ($0.path, callers) }, uniquingKeysWith: { $0.union($1) })
  }

  package func callBegins(_ context: ServerContext) throws {
    guard let allowed = rules[context.method.path], allowed.contains(context.peer) else {
      logger.warning(
        "peer denied",
        metadata: [
          "method": "\(context.method.path)", "peer": "\(context.peer.address)",
          "identities": "\(context.peer.identities)",
        ])
      onRefusal(context.peer, context.method)
      throw RPCError(.permissionDenied, "this peer may not call this method")
    }
  }
}

extension PeerAllowList.Callers: ExpressibleByArrayLiteral {
  package init(arrayLiteral identities: String...) {
    self = .named(Set(identities))
  }

  /// Those whom either allows.
  package func union(_ others: Self) -> Self {
    switch (self, others) {
    case (.named(let names), .named(let more)): .named(names.union(more))
    case (.anyVerifiedPeer, _), (_, .anyVerifiedPeer): .anyVerifiedPeer
    }
  }

  func contains(_ peer: Peer) -> Bool {
    switch self {
    case .named(let names):
      peer.identities.contains(where: names.contains) || peer.groups.contains(where: names.contains)
    case .anyVerifiedPeer: !peer.identities.isEmpty
    }
  }
}

/// Who is at the other end of a connection; one object for all of its calls.
package final class Peer: Sendable {
  /// E.g. `127.0.0.1:51934`; for logs.
  package let address: String
  /// URI subject alternative names of the verified client certificate, e.g.
  /// `spiffe://chatelaine/gateway`; empty without TLS.
  package let identities: [String]
  /// SHA-256 of the verified client certificate in DER; empty without TLS.
  package let certificateDigest: [UInt8]
  /// What each identity is an instance of: itself without its last segment.
  package let groups: [String]
  /// Whom limits count: the first identity, whatever the peer's connections, else its IP address.
  package let name: String

  package init(address: String, identities: [String] = [], certificateDigest: [UInt8] = []) {
    self.address = address
    self.identities = identities
    self.certificateDigest = certificateDigest
    groups = identities.compactMap { identity in
      identity.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(identity[..<$0]) }
    }
    // The port of an address is another with each connection.
    let host = address.utf8.lastIndex(of: UInt8(ascii: ":")).map { String(address[..<$0]) }
    name = identities.first ?? host ?? address
  }
}
