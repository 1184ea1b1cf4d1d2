package import Logging

/// Writes a line per call: method, peer, outcome, microseconds. Failures at `info`, successes at
/// `debug`; never messages or metadata.
package struct LoggingInterceptor: ServerInterceptor {
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
      log(.debug, context, .ok, since: start)
      return outcome
    } catch {
      log(.info, context, RPCError(answering: error).code, since: start)
      throw error
    }
  }

  private func log(
    _ level: Logger.Level, _ context: ServerContext, _ code: RPCError.Code,
    since start: ContinuousClock.Instant
  ) {
    guard logger.logLevel <= level else { return }
    let microseconds = (ContinuousClock.now - start).nanosecondsClamped / 1000
    logger.log(
      level: level, "call",
      metadata: [
        "method": "\(context.method.path)", "peer": "\(context.peer.address)", "code": "\(code)",
        "microseconds": "\(microseconds)",
      ])
  }
}
