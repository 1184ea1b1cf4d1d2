import Addresses
import HTTPTypes
import Hummingbird
import Identity
import Logging
import NIOCore
import RPC

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
    let trace = RequestTrace(request.headers)
    if let id = trace.trace?.traceID { logger[metadataKey: "trace"] = "\(id)" }

    var surface = Surface.api
    var log = AccessLog(method: request.method, route: "-", start: start, logger: logger)
    var response: Response
    do {
      let target = try Self.target(of: request)
      surface = Self.likelySurface(of: target)
      switch routes.match(request.method, target) {
      case .route(let route, let variables):
        surface = route.surface
        if surface == .proxy { RequestPace.of(context.channel)?.allowProxiedBody() }
        log = AccessLog(
          method: request.method, route: route.template.text, start: start, logger: logger)
        let exchange = Exchange(
          request: request, target: target, variables: variables, origin: origin, log: log,
          channel: context.channel)
        response = try await CallScope.$current.withValue(trace) {
          try await route.answer(exchange)
        }
      case .otherVerbs(let verbs, let found):
        surface = found
        throw Problem(
          .methodNotAllowed, "", headers: [.allow: verbs.joined(separator: ", ")])
      case .nothing:
        throw Problem(.notFound, "there is nothing at this address")
      }
    } catch {
      response = answer(error, on: surface, origin.requestID, log)
    }
    securityHeaders.apply(to: &response.headers, surface: surface, requestID: origin.requestID)
    // A provider's answer to HEAD has no body already.
    if request.method == .head { response = response.createHeadResponse() }
    // An answer of unknown length is still on its way: whoever sends it writes the line.
    if response.body.contentLength != nil { log.write(response.status) }
    return response
  }

  // MARK: Errors

  private func answer(
    _ error: any Error, on surface: Surface, _ requestID: String, _ log: AccessLog
  ) -> Response {
    let problem = Problem(catching: error)
    if let detail = problem.logDetail {
      log.logger.error(
        "request failed", metadata: ["route": "\(log.route)", "detail": "\(detail)"])
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
}
