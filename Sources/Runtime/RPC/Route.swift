package import Logging
package import NIOCore

/// A method as the server answers it: its handler between the looks of the interceptors.
package final class Route: Sendable {
  package let descriptor: MethodDescriptor
  /// Its place in `Router.routes`.
  package let index: Int
  private let body: MethodHandler.Body
  private let interceptors: [any ServerInterceptor]

  init(_ handler: MethodHandler, index: Int, interceptors: [any ServerInterceptor]) {
    self.index = index
    descriptor = handler.descriptor
    body = handler.body
    self.interceptors = interceptors
  }

  /// The handler alone, of a unary method: the request is one message and so is the answer.
  package var unary: MethodHandler.Unary? {
    if case .unary(let answer) = body { answer } else { nil }
  }

  /// The handler alone, of any other method.
  package var streaming: MethodHandler.Streaming? {
    if case .streaming(let run) = body { run } else { nil }
  }

  package var isUnary: Bool {
    if case .unary = body { true } else { false }
  }

  // MARK: Around the handler

  /// Has the interceptors look at a call whose handler comes next; throws what the peer gets when
  /// one of them refuses.
  package func begin(_ context: ServerContext, _ logger: Logger) throws(RPCError) {
    var begun = 0
    do {
      for interceptor in interceptors {
        try interceptor.callBegins(context)
        begun += 1
      }
    } catch {
      throw fail(context, interceptors[..<begun], error, logger)
    }
  }

  /// Tells the interceptors that the call ended, because the handler returned or threw `error`;
  /// returns what the peer gets, nil for OK. What is thrown becomes what the peer may know of it,
  /// the rest goes to the log.
  package func end(
    _ context: ServerContext, _ error: (any Error)?, _ logger: Logger
  ) -> RPCError? {
    if let error { return fail(context, interceptors[...], error, logger) }
    var failure: RPCError?
    for interceptor in interceptors.reversed() { interceptor.callEnds(context, &failure) }
    guard let failure else { return nil }
    return logged(failure, logger)
  }

  private func fail(
    _ context: ServerContext, _ begun: ArraySlice<any ServerInterceptor>, _ error: any Error,
    _ logger: Logger
  ) -> RPCError {
    let failure = RPCError(answering: error)
    var answer: RPCError? = failure
    for interceptor in begun.reversed() { interceptor.callEnds(context, &answer) }
    // A call that has failed can't succeed any more.
    return logged(answer ?? failure, logger)
  }

  private func logged(_ failure: RPCError, _ logger: Logger) -> RPCError {
    if let detail = failure.detail {
      logger.error(
        "call failed",
        metadata: [
          "method": "\(descriptor.path)", "code": "\(failure.code)", "detail": "\(detail)",
        ])
    }
    return failure
  }
}

extension Route {
  /// Runs interceptors and the handler of a unary method.
  package func answer(
    _ request: ByteBuffer, _ context: ServerContext, logger: Logger
  ) async throws(RPCError) -> ByteBuffer {
    guard let unary else { throw RPCError(.internal, "this method is not unary") }
    return try await around(context, logger) { try await unary(request, context) }
  }

  /// The same for a method of any other shape.
  package func run(
    _ requests: any MessageSource, _ responses: any ResponseSink, _ context: ServerContext,
    logger: Logger
  ) async throws(RPCError) {
    guard let streaming else { throw RPCError(.internal, "this method is unary") }
    try await around(context, logger) { try await streaming(requests, responses, context) }
  }

  private func around<Outcome: Sendable>(
    _ context: ServerContext, _ logger: Logger, _ handler: () async throws -> Outcome
  ) async throws(RPCError) -> Outcome {
    try begin(context, logger)
    let outcome: Outcome
    do {
      outcome = try await CallScope.$current.withValue(context) { try await handler() }
    } catch {
      throw end(context, error, logger) ?? RPCError(answering: error)
    }
    if let failure = end(context, nil, logger) { throw failure }
    return outcome
  }
}
