import NIOCore

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
/// makes in turn: they find it in `CallScope.trace`. With a tracer the call is a span.
package final class TracingInterceptor: ServerInterceptor {
  private let tracer: Tracer?

  package init(tracer: Tracer? = nil) {
    self.tracer = tracer
  }

  package func callBegins(_ context: ServerContext) {
    let parent = TraceContext(context.metadata)
    context.trace = tracer?.serverContext(parent) ?? parent ?? .root()
  }

  package func callEnds(_ context: ServerContext, _ failure: inout RPCError?) {
    guard let tracer, let trace = context.trace else { return }
    let code = failure?.code ?? .ok
    tracer.end(
      trace, .server, started: context.started, isError: code.isServersFault,
      name: "\(context.method.service)/\(context.method.method)",
      context.method.spanAttributes(code))
  }
}

/// Sends the trace of the call that is being answered, or a new one, along with each call.
///
/// Every call is a span of its own. One whose metadata has a `traceparent` already is left alone.
package struct ClientTracingInterceptor: ClientInterceptor {
  private let tracer: Tracer?

  package init(tracer: Tracer? = nil) {
    self.tracer = tracer
  }

  package func intercept<Outcome: Sendable>(
    _ method: MethodDescriptor, _ options: CallOptions,
    next: (CallOptions) async throws(RPCError) -> Outcome
  ) async throws(RPCError) -> Outcome {
    guard options.metadata.isEmpty || options.metadata[TraceContext.parentKey] == nil else {
      return try await next(options)
    }
    var options = options
    let parent = CallScope.trace
    let trace = tracer?.clientContext(parent) ?? parent?.child() ?? .root()
    trace.append(to: &options.metadata)
    guard let tracer, trace.isSampled else { return try await next(options) }
    let started = NIODeadline.now()
    var code = RPCError.Code.ok
    defer {
      tracer.end(
        trace, .client, started: started, isError: code != .ok,
        name: "\(method.service)/\(method.method)", method.spanAttributes(code))
    }
    do throws(RPCError) {
      return try await next(options)
    } catch {
      code = error.code
      throw error
    }
  }
}

extension RPCError.Code {
  /// What a server's span shows as an error: not what callers get wrong.
  fileprivate var isServersFault: Bool {
    switch self {
    case .unknown, .deadlineExceeded, .unimplemented, .internal, .unavailable, .dataLoss: true
    default: false
    }
  }
}
