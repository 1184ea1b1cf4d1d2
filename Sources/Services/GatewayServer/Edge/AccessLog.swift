import HTTPTypes
import Logging

/// The line that each request leaves in the log when its answer is complete.
///
/// Never the path itself, the query, a header or a body: they may hold secrets.
struct AccessLog: Sendable {
  let method: HTTPRequest.Method
  /// The route's template; `-` where no route matched.
  let route: String
  let start: ContinuousClock.Instant
  let logger: Logger

  func write(_ status: HTTPResponse.Status) {
    let duration = start.duration(to: .now).components
    let microseconds = duration.seconds * 1_000_000 + duration.attoseconds / 1_000_000_000_000
    logger.info(
      "request",
      metadata: [
        "method": "\(method.rawValue)", "route": "\(route)", "status": "\(status.code)",
        "milliseconds": "\(Double(microseconds) / 1_000)",
      ])
  }
}
