package import Logging
package import RPC

/// Logs how each call ended: refusals and successes at debug level, our own faults as errors.
///
/// It gives every error its gRPC form, so that what it logs is what the peer gets.
package struct CallLogInterceptor: ServerInterceptor {
  private let logger: Logger

  package init(logger: Logger) {
    self.logger = logger
  }

  package func intercept<Outcome: Sendable>(
    _ context: ServerContext, next: (ServerContext) async throws -> Outcome
  ) async throws -> Outcome {
    let start = ContinuousClock.now
    do {
      let outcome = try await next(context)
      log(context, .ok, since: start, level: .debug)
      return outcome
    } catch let error as any RPCErrorConvertible {
      let error = error.rpcError
      log(context, error.code, since: start, level: Self.level(error), error)
      throw error
    } catch is CancellationError {
      log(context, .cancelled, since: start, level: .debug)
      throw RPCError(.cancelled, "the call was cancelled")
    } catch {
      let hidden = RPCError(.internal, "internal error", detail: String(describing: error))
      log(context, .internal, since: start, level: .error, hidden)
      throw hidden
    }
  }

  private static func level(_ error: RPCError) -> Logger.Level {
    switch error.code {
    case .internal, .unknown, .dataLoss, .unimplemented: .error
    case .unavailable, .resourceExhausted, .deadlineExceeded, .permissionDenied: .warning
    case .unauthenticated: .info
    default: .debug
    }
  }

  private func log(
    _ context: ServerContext, _ code: RPCError.Code, since start: ContinuousClock.Instant,
    level: Logger.Level, _ error: RPCError? = nil
  ) {
    guard logger.logLevel <= level else { return }
    var fields: Logger.Metadata = [
      "method": "\(context.method.path)", "code": "\(code)",
      "microseconds": "\((ContinuousClock.now - start) / .microseconds(1))",
      "peer": "\(context.peer.identities.first ?? context.peer.address)",
    ]
    if let requestID = context.metadata[CallMetadata.requestID] {
      fields["request"] = "\(requestID)"
    }
    if let detail = error?.detail { fields["detail"] = "\(detail)" }
    logger.log(level: level, "call", metadata: fields)
  }
}
