package import Logging

/// Lets only the peers that its rules allow call each method; a method without a rule is denied to
/// all.
package final class PeerAllowList: ServerInterceptor {
  /// Who may call a method.
  package enum Callers: Sendable, Hashable {
    /// The peers with one of these URI identities, e.g. `spiffe://chatelaine/gateway`.
    case named(Set<String>)
    /// Whoever proved any identity: TLS has checked that the mesh's authority vouches for it. A
    /// connection without TLS has none.
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
    case .named(let names): peer.identities.contains(where: names.contains)
    case .anyVerifiedPeer: !peer.identities.isEmpty
    }
  }
}
