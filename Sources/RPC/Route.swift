package import Logging
package import NIOCore

/// A method as the server answers it: its handler wrapped in the interceptors.
package final class Route: Sendable {
  package let descriptor: MethodDescriptor
  /// Its place in `Router.routes`.
  package let index: Int
  private let body: MethodHandler.Body

  init(_ handler: MethodHandler, index: Int, interceptors: [any ServerInterceptor]) {
    self.index = index
    descriptor = handler.descriptor
    body = interceptors.reversed().reduce(handler.body) { next, interceptor in
      Self.wrap(next, in: interceptor)
    }
  }

  private static func wrap(
    _ body: MethodHandler.Body, in interceptor: some ServerInterceptor
  ) -> MethodHandler.Body {
    switch body {
    case .unary(let next):
      .unary { request, context in
        try await interceptor.intercept(context) { context in try await next(request, context) }
      }
    case .streaming(let next):
      .streaming { requests, responses, context in
        try await interceptor.intercept(context) { context in
          try await next(requests, responses, context)
        }
      }
    }
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
    do {
      guard case .unary(let answer) = body else {
        throw RPCError(.internal, "this method is not unary")
      }
      return try await CallScope.$deadline.withValue(context.deadline) {
        try await answer(request, context)
      }
    } catch {
      throw failure(error, logger)
    }
  }

  /// The same for a streaming method.
  package func run(
    _ requests: any MessageSource, _ responses: any ResponseSink, _ context: ServerContext,
    logger: Logger
  ) async throws(RPCError) {
    do {
      guard case .streaming(let run) = body else {
        throw RPCError(.internal, "this method is unary")
      }
      try await CallScope.$deadline.withValue(context.deadline) {
        try await run(requests, responses, context)
      }
    } catch {
      throw failure(error, logger)
    }
  }

  private func failure(_ error: any Error, _ logger: Logger) -> RPCError {
    let failure = RPCError(answering: error)
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
