/// Reads the trace of a call, or begins one, for its log line and for the calls that its handler
/// makes in turn: they find it in `CallScope.trace`.
package struct TracingInterceptor: ServerInterceptor {
  package init() {}

  package func intercept<Outcome: Sendable>(
    _ context: ServerContext, next: (ServerContext) async throws -> Outcome
  ) async throws -> Outcome {
    try await CallScope.$trace.withValue(TraceContext(context.metadata) ?? .root()) {
      try await next(context)
    }
  }
}

extension ServerContext {
  /// The trace of the call that this task answers. Held by the task and not by the context, which
  /// would need an allocation for it.
  package var trace: TraceContext? { CallScope.trace }
}
