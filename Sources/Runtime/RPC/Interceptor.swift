/// Looks at every call that a server answers, before its handler runs and after.
///
/// Neither look may wait, so a call pays a few nanoseconds for each interceptor, wherever it runs;
/// what needs to wait belongs in a handler, or into the service behind it.
///
/// A class, so that asking one costs a reference and no copy.
package protocol ServerInterceptor: AnyObject, Sendable {
  /// In the order of the server's list. Throwing refuses the call: neither the interceptors behind
  /// nor the handler see it.
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

/// A client's interceptors around a call, the first outermost.
package struct ClientInterceptors: Sendable {
  private let interceptors: [any ClientInterceptor]

  package init(_ interceptors: [any ClientInterceptor]) {
    self.interceptors = interceptors
  }

  package func call<Outcome: Sendable>(
    _ method: MethodDescriptor, _ options: CallOptions,
    _ last: (CallOptions) async throws(RPCError) -> Outcome
  ) async throws(RPCError) -> Outcome {
    try await call(from: 0, method, options, last)
  }

  private func call<Outcome: Sendable>(
    from index: Int, _ method: MethodDescriptor, _ options: CallOptions,
    _ last: (CallOptions) async throws(RPCError) -> Outcome
  ) async throws(RPCError) -> Outcome {
    guard index < interceptors.count else { return try await last(options) }
    return try await interceptors[index].intercept(method, options) {
      (options) async throws(RPCError) in
      try await call(from: index + 1, method, options, last)
    }
  }
}

/// Reads the trace of a call, or begins one, for its log line and for the calls that its handler
/// makes in turn: they find it in `CallScope.trace`.
package final class TracingInterceptor: ServerInterceptor {
  package init() {}

  package func callBegins(_ context: ServerContext) {
    context.trace = TraceContext(context.metadata) ?? .root()
  }
}

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
