package import Logging
package import NIOCore

/// A method as the server answers it: its handler wrapped in the interceptors.
package final class Route: Sendable {
  package let descriptor: MethodDescriptor
  private let answer: MethodHandler.Unary

  init(_ handler: MethodHandler, interceptors: [any ServerInterceptor]) {
    descriptor = handler.descriptor
    switch handler.body {
    case .unary(let answer):
      self.answer = interceptors.reversed().reduce(answer) { next, interceptor in
        Self.wrap(next, in: interceptor)
      }
    }
  }

  private static func wrap(
    _ next: @escaping MethodHandler.Unary, in interceptor: some ServerInterceptor
  ) -> MethodHandler.Unary {
    { request, context in
      try await interceptor.intercept(context) { context in try await next(request, context) }
    }
  }

  /// Runs interceptors and handler; whatever they throw becomes what the peer may know of it, and
  /// the rest goes to the log.
  package func answer(
    _ request: ByteBuffer, _ context: ServerContext, logger: Logger
  ) async throws(RPCError) -> ByteBuffer {
    do {
      return try await CallScope.$deadline.withValue(context.deadline) {
        try await answer(request, context)
      }
    } catch {
      let failure = RPCError(answering: error)
      if let detail = failure.detail {
        logger.error(
          "call failed",
          metadata: [
            "method": "\(descriptor.path)", "code": "\(failure.code)", "detail": "\(detail)",
          ])
      }
      throw failure
    }
  }
}
