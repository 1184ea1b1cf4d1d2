package import Logging
import NIOCore

/// Writes a line for each call when it has ended: how, for whom, in which trace, after how long.
/// Never messages, and of the metadata only a request's name.
///
/// It gives every error its gRPC form, so that what it logs is what the peer gets; the detail that
/// is for the operator stays in the line.
package final class LoggingInterceptor: ServerInterceptor {
  private let logger: Logger
  /// Asked once: a logger's own answer costs more than all else that a silent call does here.
  private let logLevel: Logger.Level
  private let requestIDKey: String?

  /// `requestIDKey` is the metadata by which callers name a request, if they do.
  package init(logger: Logger, requestIDKey: String? = nil) {
    self.logger = logger
    logLevel = logger.logLevel
    self.requestIDKey = requestIDKey
  }

  package func callEnds(_ context: ServerContext, _ failure: inout RPCError?) {
    let code = failure?.code ?? .ok
    let level = Self.level(code)
    guard logLevel <= level else { return }
    log(context, code, level: level, detail: failure?.detail)
    // Once is enough.
    failure?.detail = nil
  }

  /// What is our fault is an error, what the operator may have to look into is a warning; what
  /// callers get wrong every day is not worth a line above the level `debug`.
  private static func level(_ code: RPCError.Code) -> Logger.Level {
    switch code {
    case .internal, .unknown, .dataLoss, .unimplemented: .error
    case .unavailable, .resourceExhausted, .deadlineExceeded, .permissionDenied: .warning
    case .unauthenticated: .info
    case .ok, .cancelled, .invalidArgument, .notFound, .alreadyExists, .failedPrecondition,
      .aborted,
      .outOfRange:
      .debug
    }
  }

  private func log(
    _ context: ServerContext, _ code: RPCError.Code, level: Logger.Level, detail: String?
  ) {
    let microseconds = (NIODeadline.now() - context.started).nanoseconds / 1000
    var fields: Logger.Metadata = [
      "method": "\(context.method.path)", "code": "\(code)", "microseconds": "\(microseconds)",
      "peer": "\(context.peer.identities.first ?? context.peer.address)",
    ]
    if let requestIDKey, let requestID = context.metadata[requestIDKey] {
      fields["request"] = "\(requestID)"
    }
    if let trace = context.trace { fields["trace"] = "\(trace.traceID)" }
    if let detail { fields["detail"] = "\(detail)" }
    logger.log(level: level, "call", metadata: fields)
  }
}
