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
      context[CallerKey.self] = try verifier.verify(
        bytes, for: MethodClass(methodName: context.method.method), from: context.peer)
    }
    let peer = context.peer
    if peer.identities.contains(where: Self.believedPeers.contains)
      || peer.groups.contains(where: Self.believedPeers.contains)
    {
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

/// The metadata keys by which the gateway says for whom and from where it calls.
package enum CallMetadata {
  /// A packed chatelaine.identity.v1.SignedAssertion.
  package static let assertion = "chatelaine-assertion-bin"
  /// The session token or access token itself, for methods of `auth` that no assertion is enough
  /// for.
  package static let credential = "chatelaine-credential-bin"
  package static let clientIP = "chatelaine-client-ip"
  /// UTF-8 bytes, because a user agent need not be ASCII.
  package static let userAgent = "chatelaine-user-agent-bin"
  package static let requestID = "chatelaine-request-id"

  /// Longest client IP and request id that are taken over.
  static let wordBytesMax = 128
}

extension CallOptions {
  /// Options for a call on behalf of whom `credentials` prove, by a channel that asks them.
  package static func acting(
    with credentials: any CallCredentials, origin: CallOrigin,
    timeout: Duration = CallOptions.defaultTimeout
  ) -> CallOptions {
    var options = acting(with: nil, origin: origin, timeout: timeout)
    options.credentials = credentials
    return options
  }

  /// Options for a call on behalf of a user (nil for nobody yet, e.g. a log-in) from `origin`.
  ///
  /// Parts of the origin that metadata can't carry are left out: it is for receipts only.
  package static func acting(
    with assertion: [UInt8]?, origin: CallOrigin, timeout: Duration = CallOptions.defaultTimeout
  ) -> CallOptions {
    var metadata = Metadata()
    if let assertion { try? metadata.append(assertion, forKey: CallMetadata.assertion) }
    if !origin.ipAddress.isEmpty {
      try? metadata.append(origin.ipAddress, forKey: CallMetadata.clientIP)
    }
    if !origin.userAgent.isEmpty {
      try? metadata.append(Array(origin.userAgent.utf8), forKey: CallMetadata.userAgent)
    }
    if !origin.requestID.isEmpty {
      try? metadata.append(origin.requestID, forKey: CallMetadata.requestID)
    }
    return CallOptions(metadata: metadata, timeout: timeout)
  }
}

extension CallOrigin {
  /// What a believed peer says; over-long parts are cut or dropped, and so are characters of the
  /// user agent that can't be stored (U+0000) or change how the log around them looks.
  init(metadata: Metadata) {
    func word(_ key: String) -> String {
      guard let text = metadata[key], text.utf8.count <= CallMetadata.wordBytesMax else {
        return ""
      }
      return text
    }
    let bytes = metadata.bytes(CallMetadata.userAgent) ?? []
    var userAgent = String(decoding: bytes.prefix(CallOrigin.userAgentBytesMax), as: UTF8.self)
    userAgent.unicodeScalars.removeAll { Self.isInvisible($0) }
    // A character cut in half was replaced by a longer one.
    while userAgent.utf8.count > CallOrigin.userAgentBytesMax {
      userAgent.unicodeScalars.removeLast()
    }
    self.init(
      ipAddress: word(CallMetadata.clientIP), userAgent: userAgent,
      requestID: word(CallMetadata.requestID))
  }

  /// Controls, line separators, and format characters, e.g. those that turn the text's direction.
  private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }
}
