/// Sends the trace of the call that is being answered, or a new one, along with each call.
///
/// Every call is a span of its own. One whose metadata has a `traceparent` already is left alone.
package struct ClientTracingInterceptor: ClientInterceptor {
  package init() {}

  package func intercept<Outcome: Sendable>(
    _ method: MethodDescriptor, _ options: CallOptions,
    next: (CallOptions) async throws(RPCError) -> Outcome
  ) async throws(RPCError) -> Outcome {
    guard options.metadata.isEmpty || options.metadata[TraceContext.parentKey] == nil else {
      return try await next(options)
    }
    var options = options
    (CallScope.trace?.child() ?? .root()).append(to: &options.metadata)
    return try await next(options)
  }
}
