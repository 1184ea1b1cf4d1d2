package import Identity
package import RPC

/// Where `CallerInterceptor` leaves the verified caller.
package enum CallerKey: ContextKey {
  package typealias Value = Caller
}

/// Where `CallerInterceptor` leaves the origin, when the peer may be believed about it.
package enum OriginKey: ContextKey {
  package typealias Value = CallOrigin
}

/// Verifies the assertion of a call, if it brings one, and reads its origin.
///
/// A call with a bad assertion is refused; one without reaches its handler, where
/// `context.caller()` refuses it.
package final class CallerInterceptor: ServerInterceptor {
  /// Whose word about a call's origin counts.
  static let believedPeers: Set<String> = [PeerIdentity.gateway, PeerIdentity.operator]

  private let verifier: AssertionVerifier

  package init(_ verifier: AssertionVerifier) {
    self.verifier = verifier
  }

  package func callBegins(_ context: ServerContext) throws {
    if let bytes = context.metadata.bytes(CallMetadata.assertion) {
      context[CallerKey.self] = try verifier.verify(bytes)
    }
    if context.peer.identities.contains(where: Self.believedPeers.contains) {
      context[OriginKey.self] = CallOrigin(metadata: context.metadata)
    }
  }
}

extension ServerContext {
  /// Who the call is made for; throws UNAUTHENTICATED when it brought no assertion.
  package func caller() throws(RPCError) -> Caller {
    guard let caller = self[CallerKey.self] else {
      throw RPCError(.unauthenticated, "this method needs a signed-in user")
    }
    return caller
  }

  /// Where the call came from; empty unless the gateway or an operator said so.
  package var origin: CallOrigin { self[OriginKey.self] ?? CallOrigin() }
}
