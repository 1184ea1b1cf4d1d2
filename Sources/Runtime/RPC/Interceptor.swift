/// Looks at every call that a server answers, before its handler runs and after.
///
/// Neither look may wait, so a call pays a few nanoseconds for each interceptor, wherever it runs; what
/// needs to wait belongs into a handler, or into the service behind it.
///
/// A class, so that asking one costs a reference and no copy.
package protocol ServerInterceptor: AnyObject, Sendable {
  /// In the order of the server's list. Throwing refuses the call: neither the interceptors behind nor
  /// the handler see it.
  func callBegins(_ context: ServerContext) throws

  /// In the reverse order, for each interceptor that let the call begin. `failure` is what the peer
  /// will get, nil for OK; an interceptor may change it.
  func callEnds(_ context: ServerContext, _ failure: inout RPCError?)
}

extension ServerInterceptor {
  package func callBegins(_ context: ServerContext) throws {}
  package func callEnds(_ context: ServerContext, _ failure: inout RPCError?) {}
}

/// Wraps every call that a client makes; the first in the list is outermost.
package protocol ClientInterceptor: Sendable {
  func intercept<Outcome: Sendable>(
    _ method: MethodDescriptor, _ options: CallOptions,
    next: (CallOptions) async throws(RPCError) -> Outcome
  ) async throws(RPCError) -> Outcome
}
