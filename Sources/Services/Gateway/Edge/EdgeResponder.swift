package import HTTPTypes
package import Logging

/// What surrounds the answering of one request, e.g. the trace that its calls belong to.
package protocol RequestScope: Sendable {
  /// For each line of the log about this request.
  var logFields: Logger.Metadata { get }

  func run(_ answer: () async throws -> Response) async throws -> Response

  /// The answer is complete, after so long; `route` is the template, `-` where none matched.
  func ended(
    _ method: HTTPRequest.Method, route: String, status: HTTPResponse.Status, after: Duration)
}

/// Answers every request: finds its route, runs it, turns errors into answers, and adds what every
/// response carries.
package struct EdgeResponder: Sendable {
  /// Draws an error for people; `error` is what the route threw, `problem` what it means.
  package typealias ErrorPage =
    @Sendable (_ problem: Problem, _ error: any Error, _ exchange: Exchange) async -> Response

  let routes: RouteTable
  let securityHeaders: SecurityHeaders
  let trustedProxies: TrustedProxies
  let crossOrigin: CrossOriginAccess
  let errorPage: ErrorPage
  let scope: @Sendable (HTTPFields) -> any RequestScope
  let logger: Logger
  private let metrics = RequestMetrics()

  package init(
    routes: RouteTable, securityHeaders: SecurityHeaders, trustedProxies: TrustedProxies,
    crossOrigin: CrossOriginAccess = CrossOriginAccess(),
    errorPage: @escaping ErrorPage, scope: @escaping @Sendable (HTTPFields) -> any RequestScope,
    logger: Logger
  ) {
    self.routes = routes
    self.securityHeaders = securityHeaders
    self.trustedProxies = trustedProxies
    self.crossOrigin = crossOrigin
    self.errorPage = errorPage
    self.scope = scope
    self.logger = logger
  }

  package func respond(to request: Request, on stream: ServerStream) async -> Response {
    let start = ContinuousClock.now
    metrics.requestBegan()
    defer { metrics.answerBegan() }
    let origin = RequestOrigin(
      request.headers, from: stream.remoteAddress, trusting: trustedProxies)
    let scope = scope(request.headers)
    var logger = logger
    logger[metadataKey: "requestId"] = "\(origin.requestID)"
    for (key, value) in scope.logFields { logger[metadataKey: key] = value }

    var surface = Surface.api
    var log = AccessLog(
      method: request.method, route: "-", start: start, logger: logger, metrics: metrics,
      scope: scope)
    var response: Response
    var exchange: Exchange?
    do {
      if let refusal = stream.refusal { throw refusal }
      let target = try Self.target(of: request)
      surface = Self.likelySurface(of: target)
      func met(_ variables: [PathTemplate.Variable] = []) -> Exchange {
        Exchange(
          request: request, target: target, variables: variables, origin: origin, log: log,
          stream: stream)
      }
      exchange = met()
      switch routes.match(request.method, target) {
      case .route(let route, let variables):
        surface = route.surface
        if surface == .proxy { stream.allowProxiedBody() }
        log = AccessLog(
          method: request.method, route: route.template.text, start: start, logger: logger,
          metrics: metrics, scope: scope)
        let matched = met(variables)
        exchange = matched
        response = try await scope.run { try await route.answer(matched) }
      case .otherVerbs(let verbs, let found):
        surface = found
        let preflight = try crossOrigin.preflight(
          request.method, request.headers, surface: surface, verbs: verbs)
        response = try preflight ?? Self.answer(to: request.method, where: verbs)
      case .nothing:
        guard let place = place(withoutSlashOf: target, request.method) else {
          throw Problem(.notFound, "there is nothing at this address")
        }
        response = Response(status: .permanentRedirect, headers: [.location: place])
      }
    } catch {
      response = await answer(error, to: request, on: surface, origin.requestID, exchange, log)
    }
    securityHeaders.apply(to: &response.headers, surface: surface, requestID: origin.requestID)
    if surface == .proxy {
      ProxiedAnswer.apply(
        to: &response.headers, isStreamed: response.body.contentLength == nil)
    }
    crossOrigin.apply(to: &response.headers, of: request.headers, surface: surface)
    // A provider's answer to HEAD has no body already.
    if request.method == .head { response = response.withoutBody() }
    // An answer of unknown length is still on its way: whoever sends it writes the line.
    if response.body.contentLength != nil { log.write(response.status) }
    return response
  }

  // MARK: Errors

  private func answer(
    _ error: any Error, to request: Request, on surface: Surface, _ requestID: String,
    _ exchange: Exchange?, _ log: AccessLog
  ) async -> Response {
    let problem = Problem(catching: error)
    if let detail = problem.logDetail {
      log.logger.error(
        "request failed", metadata: ["route": "\(log.route)", "detail": "\(detail)"])
    }
    let path = request.head.path ?? ""
    // A malformed address has no surface, but its sender has an SDK all the same.
    if surface == .proxy || path.beginsWithBytes(of: "/proxy/") {
      return problem.response(
        requestID: requestID, for: ProblemReader(ofProxied: request.headers, path: path))
    }
    guard surface == .page, let exchange else { return problem.response(requestID: requestID) }
    return await errorPage(problem, error, exchange)
  }

  /// The page that somebody meant who put a slash behind its address (RFC 9110, 15.4.9).
  private func place(withoutSlashOf target: RequestTarget, _ method: HTTPRequest.Method) -> String?
  {
    let slash = UInt8(ascii: "/")
    guard method == .get || method == .head, target.path.utf8.count > 1,
      target.path.utf8.last == slash,
      let other = try? RequestTarget(String(target.path.dropLast())),
      case .route(let route, _) = routes.match(method, other), route.surface == .page
    else { return nil }
    return String(other.path) + (target.query.map { "?\($0)" } ?? "")
  }

  /// What is said of an address that has these verbs, not this one: OPTIONS asks for no more
  /// (RFC 9110, 9.3.7).
  private static func answer(
    to method: HTTPRequest.Method, where verbs: [String]
  ) throws(Problem) -> Response {
    let allow = (verbs + [HTTPRequest.Method.options.rawValue]).sorted().joined(separator: ", ")
    guard method == .options else { throw Problem(.methodNotAllowed, "", headers: [.allow: allow]) }
    return Response(status: .noContent, headers: [.allow: allow])
  }

  private static func target(of request: Request) throws(Problem) -> RequestTarget {
    do {
      return try RequestTarget(request.head.path ?? "")
    } catch {
      switch error {
      case .tooLong:
        throw Problem(.uriTooLong, "the address is longer than \(RequestTarget.bytesMax) bytes")
      case .malformed: throw Problem(.badRequest, "the address is malformed")
      }
    }
  }

  /// For paths that no route knows: people get a page, programs a document.
  private static func likelySurface(of target: RequestTarget) -> Surface {
    switch target.segments.first {
    case "api": .api
    case "proxy": .proxy
    case "assets", "healthz", "readyz": .plain
    default: .page
    }
  }
}

/// What each request leaves when its answer is complete: a line in the log, a count, a span.
///
/// Never the path itself, the query, a header or a body: they may hold secrets.
package struct AccessLog: Sendable {
  let method: HTTPRequest.Method
  /// The route's template; `-` where no route matched.
  let route: String
  let start: ContinuousClock.Instant
  package let logger: Logger
  let metrics: RequestMetrics
  let scope: any RequestScope

  private static let probes: Set<String> = ["/healthz", "/readyz"]

  package func write(_ status: HTTPResponse.Status) {
    let elapsed = start.duration(to: .now)
    metrics.answered(status, route: route, after: elapsed)
    scope.ended(method, route: route, status: status, after: elapsed)
    let duration = elapsed.components
    let microseconds = duration.seconds * 1_000_000 + duration.attoseconds / 1_000_000_000_000
    // A probe comes every second, and one that is answered tells nothing.
    let isProbe = Self.probes.contains(route) && status.kind == .successful
    logger.log(
      level: isProbe ? .debug : .info, "request",
      metadata: [
        "method": "\(method.rawValue)", "route": "\(route)", "status": "\(status.code)",
        "milliseconds": "\(Double(microseconds) / 1_000)",
      ])
  }
}
