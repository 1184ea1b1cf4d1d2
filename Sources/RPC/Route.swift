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

  /// The request is one message and so is the answer: `answer` takes it whole, not `run`.
  package var isUnary: Bool {
    if case .unary = body { true } else { false }
  }

  /// Runs interceptors and the handler of a unary method; whatever they throw becomes what the peer
  /// may know of it, and the rest goes to the log.
  package func answer(
    _ request: ByteBuffer, _ context: ServerContext, logger: Logger
  ) async throws(RPCError) -> ByteBuffer {
    var begun = 0
    do {
      guard case .unary(let answer) = body else {
        throw RPCError(.internal, "this method is not unary")
      }
      try begin(context, &begun)
      let response = try await CallScope.$current.withValue(context) {
        try await answer(request, context)
      }
      if let failure = end(context, &begun, nil) { throw failure }
      return response
    } catch {
      throw fail(context, &begun, error, logger)
    }
  }

  /// The same for a streaming method.
  package func run(
    _ requests: any MessageSource, _ responses: any ResponseSink, _ context: ServerContext,
    logger: Logger
  ) async throws(RPCError) {
    var begun = 0
    do {
      guard case .streaming(let run) = body else {
        throw RPCError(.internal, "this method is unary")
      }
      try begin(context, &begun)
      try await CallScope.$current.withValue(context) {
        try await run(requests, responses, context)
      }
      if let failure = end(context, &begun, nil) { throw failure }
    } catch {
      throw fail(context, &begun, error, logger)
    }
  }

  // MARK: Interceptors

  /// `begun` counts those that let the call begin.
  private func begin(_ context: ServerContext, _ begun: inout Int) throws {
    for interceptor in interceptors {
      try interceptor.callBegins(context)
      begun += 1
    }
  }

  /// Once for each that `begun` counts.
  private func end(
    _ context: ServerContext, _ begun: inout Int, _ failure: RPCError?
  ) -> RPCError? {
    var failure = failure
    while begun > 0 {
      begun -= 1
      interceptors[begun].callEnds(context, &failure)
    }
    return failure
  }

  private func fail(
    _ context: ServerContext, _ begun: inout Int, _ error: any Error, _ logger: Logger
  ) -> RPCError {
    let failure = RPCError(answering: error)
    // A call that has failed can't succeed any more.
    let answer = end(context, &begun, failure) ?? failure
    if let detail = answer.detail {
      logger.error(
        "call failed",
        metadata: [
          "method": "\(descriptor.path)", "code": "\(answer.code)", "detail": "\(detail)",
        ])
    }
    return answer
  }
}
