package import Backend
import Callers
import Cryptography
package import Edge
import HTTPTypes
import Protobuf
import RPC
import ServiceAPI

/// The part of the JSON API that deals in cookies, which no rule of a `.proto` file can express.
package struct SessionRoutes: Sendable {
  let services: Services
  let authenticator: Authenticator

  package init(services: Services, authenticator: Authenticator) {
    self.services = services
    self.authenticator = authenticator
  }

  private var cookies: PortalCookies { authenticator.cookies }

  package func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["POST"], "/api/v1/sessions", .api) { try await create($0) },
      try Edge.Route(["POST"], "/api/v1/sessions:complete", .api) { try await complete($0) },
      try Edge.Route(["POST"], "/api/v1/sessions:passkey", .api) { try await byPasskey($0) },
      try Edge.Route(["DELETE"], "/api/v1/sessions/current", .api) { try await deleteCurrent($0) },
    ]
  }

  /// The session token goes into the cookie and nowhere else.
  private func create(_ exchange: Exchange) async throws -> Response {
    try authenticator.provenance.check(exchange.head)
    var request = try AuthAPI.CreateSessionRequest(
      json: try await JSONRoutes.body(of: exchange))
    request.deviceToken = cookies.device.value(in: exchange.headers) ?? request.deviceToken
    return try await answer(
      exchange,
      try await services.auth.createSession(request, options: exchange.strangersOptions))
  }

  private func complete(_ exchange: Exchange) async throws -> Response {
    try authenticator.provenance.check(exchange.head)
    var request = try AuthAPI.CompleteSessionRequest(
      json: try await JSONRoutes.body(of: exchange))
    request.deviceToken = cookies.device.value(in: exchange.headers) ?? request.deviceToken
    return try await answer(
      exchange,
      try await services.auth.completeSession(request, options: exchange.strangersOptions))
  }

  private func byPasskey(_ exchange: Exchange) async throws -> Response {
    try authenticator.provenance.check(exchange.head)
    var request = try AuthAPI.CreatePasskeySessionRequest(
      json: try await JSONRoutes.body(of: exchange))
    request.deviceToken = cookies.device.value(in: exchange.headers) ?? request.deviceToken
    return try await answer(
      exchange,
      try await services.auth.createPasskeySession(request, options: exchange.strangersOptions))
  }

  private func answer(
    _ exchange: Exchange, _ session: AuthAPI.CreateSessionResponse
  ) async throws -> Response {
    guard session.secondFactorToken.isEmpty else {
      let needed = GatewayAPI.SecondFactorNeeded(
        secondFactorToken: session.secondFactorToken, hasPasskey: session.hasPasskey)
      return JSONRoutes.response(needed.json(), status: .ok)
    }
    await SessionEnd(services: services, authenticator: authenticator).endReplaced(exchange)

    let begun = GatewayAPI.BegunSession(
      account: session.account ?? AuthAPI.Account(),
      csrfToken: CSRFToken.token(forSession: SecretBytes(utf8: session.sessionToken)),
      expireTime: session.expireTime.map { Timestamp(seconds: $0.seconds) })
    var response = JSONRoutes.response(begun.json(), status: .created)
    response.headers.append(cookie: SessionCookieText.of(session, cookies: cookies))
    if !session.deviceToken.isEmpty {
      response.headers.append(
        cookie: cookies.device.setting(
          session.deviceToken, maxAgeSeconds: PortalCookies.deviceCookieSeconds))
    }
    return response
  }

  private func deleteCurrent(_ exchange: Exchange) async throws -> Response {
    let visitor = try await authenticator.visitor(of: exchange)
    _ = try await services.auth.deleteCurrentSession(
      AuthAPI.DeleteCurrentSessionRequest(), options: visitor.options(for: exchange))
    var response = Response(status: .noContent)
    response.headers.append(cookie: cookies.session.clearing())
    return response
  }
}
