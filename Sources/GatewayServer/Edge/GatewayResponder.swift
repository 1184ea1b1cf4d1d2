import HTTPTypes
import Hummingbird
import Identity
import Logging
import NIOCore

/// Answers every request: finds its route, runs it, turns errors into answers, and adds what every
/// response carries.
struct GatewayResponder: HTTPResponder {
  typealias Context = GatewayContext
  /// Draws an error for people.
  typealias ErrorPage = @Sendable (Problem, _ requestID: String) -> Response

  let routes: RouteTable
  let securityHeaders: SecurityHeaders
  let trustedProxies: TrustedProxies
  let errorPage: ErrorPage
  let logger: Logger

  func respond(to request: Request, context: GatewayContext) async throws -> Response {
    let start = ContinuousClock.now
    let origin = origin(of: request, channel: context.channel)
    var logger = logger
    logger[metadataKey: "requestId"] = "\(origin.requestID)"

    var surface = Surface.api
    var template = "-"
    var response: Response
    do {
      let target = try Self.target(of: request)
      surface = Self.likelySurface(of: target)
      switch routes.match(request.method, target) {
      case .route(let route, let variables):
        surface = route.surface
        template = route.template.text
        response = try await route.answer(
          Exchange(
            request: request, target: target, variables: variables, origin: origin, logger: logger,
            channel: context.channel))
      case .otherVerbs(let verbs, let found):
        surface = found
        throw Problem(
          .methodNotAllowed, "", headers: [.allow: verbs.joined(separator: ", ")])
      case .nothing:
        throw Problem(.notFound, "there is nothing at this address")
      }
    } catch {
      response = answer(error, on: surface, origin.requestID, template: template, logger: logger)
    }
    securityHeaders.apply(to: &response.headers, surface: surface, requestID: origin.requestID)
    // A provider's answer to HEAD has no body already.
    if request.method == .head { response = response.createHeadResponse() }
    log(request, template, response, since: start, logger: logger)
    return response
  }

  // MARK: Errors

  private func answer(
    _ error: any Error, on surface: Surface, _ requestID: String, template: String, logger: Logger
  ) -> Response {
    let problem = Problem(catching: error)
    if let detail = problem.logDetail {
      logger.error("request failed", metadata: ["route": "\(template)", "detail": "\(detail)"])
    }
    return surface == .page
      ? errorPage(problem, requestID) : problem.response(requestID: requestID)
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

  // MARK: Where a request comes from

  private func origin(of request: Request, channel: any Channel) -> CallOrigin {
    let headers = request.headers
    let userAgent = String(
      decoding: headers[.userAgent, default: ""].utf8.prefix(CallOrigin.userAgentBytesMax),
      as: UTF8.self)
    guard let peer = channel.remoteAddress?.ipAddress.flatMap({ IPAddress($0) }) else {
      return CallOrigin(userAgent: userAgent, requestID: RequestID.make())
    }
    let client = trustedProxies.client(peer: peer, forwardedFor: headers[values: .forwardedFor])
    let given = headers[.requestID].flatMap { id in
      trustedProxies.trusts(peer) && RequestID.isUsable(id) ? id : nil
    }
    return CallOrigin(
      ipAddress: client.description, userAgent: userAgent, requestID: given ?? RequestID.make())
  }

  // MARK: Log

  /// One line per request. Never the query, a header or a body: they may hold secrets.
  private func log(
    _ request: Request, _ template: String, _ response: Response,
    since start: ContinuousClock.Instant, logger: Logger
  ) {
    let duration = start.duration(to: .now)
    let milliseconds =
      Double(duration.components.seconds) * 1_000
      + Double(duration.components.attoseconds) / 1_000_000_000_000_000
    logger.info(
      "request",
      metadata: [
        "method": "\(request.method.rawValue)", "route": "\(template)",
        "status": "\(response.status.code)",
        "milliseconds": "\((milliseconds * 1_000).rounded() / 1_000)",
      ])
  }
}
