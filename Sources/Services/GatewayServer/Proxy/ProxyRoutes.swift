import AsyncHTTPClient
import Cryptography
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import Providers
import RPC
import ServiceAPI
import ServiceRuntime

/// The proxy: an SDK's request goes to the provider with the user's key put in.
///
/// - `/proxy/{provider}/…` uses the key labelled by `X-Chatelaine-Label`, else the default one.
/// - `/proxy/custom/{label}/…` uses the custom endpoint of that label.
struct ProxyRoutes: Sendable {
  private static let verbs = ["GET", "POST", "PUT", "PATCH", "DELETE"]
  private static let customProvider = "custom"
  private static let tokenParameters: Set = ["key", "api_key", "access_token"]

  let services: Services
  let authenticator: Authenticator
  let catalogue: ProviderCatalogue
  let endpointGuard: EndpointGuard
  let clients: UpstreamClients
  let limits: UpstreamLimits
  let token: ProxyToken
  let headers: ProxyHeaders

  func routes() throws(PathTemplate.Failure) -> [Route] {
    [
      try Route(Self.verbs, "/proxy/{provider}/{rest=**}", .proxy) { exchange in
        try await relay(
          exchange, providerID: exchange.variable("provider"),
          label: exchange.headers[.keyLabel, default: ""].trimmingBlanks())
      },
      try Route(Self.verbs, "/proxy/custom/{label}/{rest=**}", .proxy) { exchange in
        try await relay(
          exchange, providerID: Self.customProvider, label: exchange.variable("label"))
      },
    ]
  }

  private func relay(
    _ exchange: Exchange, providerID: String, label: String
  ) async throws -> Response {
    try refuseTokenInQuery(exchange)
    guard let token = token.token(in: exchange.headers) else {
      throw Problem.unauthenticated(
        "send an access token where the provider's key would be, e.g. as Authorization: Bearer")
    }
    let visitor = try await authenticator.bearer(token, exchange)
    guard let provider = catalogue.provider(id: providerID) else {
      throw Problem(.notFound, "there is no provider with this name")
    }
    let target = ProxyTarget(
      provider: provider, label: label, path: exchange.variable("rest"),
      query: exchange.target.query.map(String.init))
    // The body first, the key last: a client that sends none costs no key and leaves no receipt.
    // From here on every path must end with `finish`: the connection waits for its body's reader.
    let relay = try await RequestRelay(exchange, bytesMax: limits.requestBytesMax)
    do {
      let key = try await services.vault.resolveCredential(
        VaultAPI.ResolveCredentialRequest(
          provider: provider.id, label: label, purpose: target.purpose(exchange.method.rawValue)),
        options: visitor.options(for: exchange))
      let pinned = try await pin(provider, key.baseUrl)
      var request = HTTPClientRequest(url: target.url(on: pinned.endpoint))
      request.method = HTTPMethod(rawValue: exchange.method.rawValue)
      request.headers = headers.forUpstream(exchange.headers)
      if let authentication = provider.authentication, !key.apiKey.isEmpty {
        request.headers.replaceOrAdd(
          name: authentication.header, value: authentication.prefix + key.apiKey)
      }
      request.body = relay.body
      return try await send(request, to: pinned, relay, exchange)
    } catch {
      await relay.finish()
      ClientPresence.of(exchange.channel)?.end()
      throw error
    }
  }

  // MARK: Steps

  /// Some SDKs of Google put the key into the address, which ends up in logs everywhere.
  private func refuseTokenInQuery(_ exchange: Exchange) throws(Problem) {
    let names = Set(try exchange.parameters().map { $0.name.lowercasedASCII() })
    if !names.isDisjoint(with: Self.tokenParameters) {
      throw .invalid("key", "send the access token in a header, not in the address")
    }
  }

  private func pin(
    _ provider: Provider, _ baseURL: String?
  ) async throws(Problem) -> EndpointGuard.PinnedEndpoint {
    guard let text = baseURL ?? provider.defaultBaseURL else {
      throw Problem(.conflict, "this key has no endpoint")
    }
    do {
      return try await endpointGuard.pin(try endpointGuard.checkLiterally(text))
    } catch {
      switch error {
      case .unresolvable: throw Problem(.badGateway, "the endpoint \(error)")
      case .resolverBusy:
        throw Problem(
          .serviceUnavailable, "the endpoint \(error)", headers: [.retryAfter: "1"])
      case .malformed, .needsHTTPS, .localName, .address:
        throw Problem(.forbidden, "the endpoint \(error)")
      }
    }
  }

  private func send(
    _ request: HTTPClientRequest, to pinned: EndpointGuard.PinnedEndpoint, _ relay: RequestRelay,
    _ exchange: Exchange
  ) async throws -> Response {
    guard let lease = clients.lease(pinned) else {
      throw Problem(
        .serviceUnavailable, "too many endpoints are in use", headers: [.retryAfter: "1"])
    }
    // Noticed also while the provider thinks: nobody would read what it says.
    ClientPresence.of(exchange.channel)?.begin()
    let answer: HTTPClientResponse
    do {
      answer = try await lease.client.execute(request, timeout: TimeAmount(limits.idleTimeout))
    } catch {
      throw Self.problem(error, limits)
    }
    let code = Int(answer.status.code)
    guard (200...999).contains(code) else {
      throw Self.problem(UpstreamAnswerError.malformedStatus, limits)
    }
    let fields = headers.forClient(answer.headers)
    let status = HTTPResponse.Status(code: code, reasonPhrase: answer.status.reasonPhrase)
    guard exchange.method != .head, ![204, 304].contains(code) else {
      await relay.finish()
      ClientPresence.of(exchange.channel)?.end()
      return Response(status: status, headers: fields)
    }
    return Response(
      status: status, headers: fields,
      body: body(of: answer, relay, exchange) {
        exchange.log.write(status)
        withExtendedLifetime(lease) {}
      })
  }

  /// Each piece is written when it arrives; the next one is read when it has gone.
  private func body(
    of answer: HTTPClientResponse, _ relay: RequestRelay, _ exchange: Exchange,
    whenDone: @escaping @Sendable () -> Void
  ) -> ResponseBody {
    ResponseBody { writer in
      defer {
        ClientPresence.of(exchange.channel)?.end()
        whenDone()
      }
      do {
        for try await chunk in answer.body { try await writer.write(chunk) }
        try await writer.finish(nil)
        await relay.finish()
      } catch {
        await relay.finish()
        // The status is long gone: only breaking off tells the client that something is missing.
        exchange.logger.info(
          "a proxied answer broke off", metadata: ["error": "\(type(of: error))"])
        throw error
      }
    }
  }

  /// What the client is told; never the error's own words, which may repeat a header.
  private static func problem(_ error: any Error, _ limits: UpstreamLimits) -> Problem {
    if let problem = RelayError.problem(error, bytesMax: limits.requestBytesMax) { return problem }
    switch (error, error as? HTTPClientError) {
    case (is UpstreamAnswerError, _), (is HTTPParserError, _):
      return Problem(
        .badGateway, "the endpoint's answer is not HTTP", logDetail: "\(type(of: error))")
    case (_, .getConnectionFromPoolTimeout?):
      return Problem(
        .serviceUnavailable, "too many requests to this endpoint are under way",
        headers: [.retryAfter: "1"])
    case (_, .connectTimeout?):
      return Problem(.gatewayTimeout, "the endpoint could not be reached in time")
    case (_, .readTimeout?), (_, .deadlineExceeded?):
      return Problem(.gatewayTimeout, "the endpoint did not answer in time")
    case (is CancellationError, _), (_, .cancelled?):
      return Problem(.badGateway, "the request was given up")
    default:
      return Problem(
        .badGateway, "the endpoint could not be reached", logDetail: "\(type(of: error))")
    }
  }
}
