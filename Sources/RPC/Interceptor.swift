/// Wraps every call that a server answers.
///
/// An interceptor may refuse (throw), enrich the context, or look at the outcome. It runs in the
/// order of the server's list, the first outermost.
package protocol ServerInterceptor: Sendable {
  func intercept<Outcome: Sendable>(
    _ context: ServerContext,
    next: (ServerContext) async throws -> Outcome
  ) async throws -> Outcome
}

/// Wraps every call that a client makes; the first in the list is outermost.
package protocol ClientInterceptor: Sendable {
  func intercept<Outcome: Sendable>(
    _ method: MethodDescriptor, _ options: CallOptions,
    next: (CallOptions) async throws(RPCError) -> Outcome
  ) async throws(RPCError) -> Outcome
}
