package import Backend
import Cryptography
package import Edge
package import Egress
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import Networking
package import Providers
import RPC
import ServiceAPI

/// The proxy: an SDK's request goes to the provider with the user's key put in.
///
/// - `/proxy/{provider}/…` uses the key labelled by `X-Chatelaine-Label`, else the default one.
/// - `/proxy/custom/{label}/…` uses the custom endpoint of that label.
package struct ProxyRoutes: Sendable {
  private static let verbs = ["GET", "POST", "PUT", "PATCH", "DELETE"]
  private static let customProvider = "custom"
  private static let tokenParameters: Set = ["key", "api_key", "access_token"]

  /// Longest purpose that a receipt takes, in bytes.
  static let purposeBytesMax = 512
  private static let keyLabel = HTTPField.Name.fixed("X-Chatelaine-Label")

  private let services: Services
  private let authenticator: Authenticator
  private let catalogue: ProviderCatalogue
  private let endpointGuard: EndpointGuard
  private let upstream: Upstream
  private let limits: UpstreamLimits
  private let token: ProxyToken
  private let headers: ProxyHeaders

  package init(
    services: Services, authenticator: Authenticator, catalogue: ProviderCatalogue,
    endpointGuard: EndpointGuard, upstream: Upstream, limits: UpstreamLimits
  ) {
    self.services = services
    self.authenticator = authenticator
    self.catalogue = catalogue
    self.endpointGuard = endpointGuard
    self.upstream = upstream
    self.limits = limits
    token = ProxyToken(catalogue: catalogue)
    headers = ProxyHeaders(token: token)
  }

  package func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(Self.verbs, "/proxy/{provider}/{rest=**}", .proxy) { exchange in
        try await relay(
          exchange, providerID: exchange.variable("provider"),
          label: exchange.headers[Self.keyLabel, default: ""].trimmingBlanks())
      },
      try Edge.Route(Self.verbs, "/proxy/custom/{label}/{rest=**}", .proxy) { exchange in
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
    // The body first, the key last: a client that sends none costs no key and leaves no receipt.
    // From here on every path must end with `finish`: the connection waits for its body's reader.
    let body = try await self.body(of: exchange)
    do {
      let key = try await services.vault.resolveCredential(
        VaultAPI.ResolveCredentialRequest(
          provider: provider.id, label: label, purpose: Self.purpose(of: exchange)),
        options: visitor.options(for: exchange))
      var request = UpstreamRequest(
        method: exchange.method, path: exchange.variable("rest"),
        query: exchange.target.query.map(String.init),
        headers: headers.forUpstream(exchange.headers))
      if let authentication = provider.authentication, !key.apiKey.isEmpty {
        request.headers.replaceOrAdd(
          name: authentication.header, value: authentication.prefix + key.apiKey)
      }
      let endpoint = try await check(provider, key.baseUrl)
      // Noticed also while the provider thinks: nobody would read what it says.
      ClientPresence.of(exchange.channel)?.begin()
      let answer = try await upstream.send(
        request, body: body, to: endpoint, on: exchange.channel.eventLoop)
      return await response(answer, body, exchange)
    } catch {
      await body.finish()
      ClientPresence.of(exchange.channel)?.end()
      if let error = error as? UpstreamError { throw problem(error) }
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

  /// For the receipt: verb and path at the provider. Never the query, which may hold anything.
  static func purpose(of exchange: Exchange) -> String {
    purpose(verb: exchange.method.rawValue, path: exchange.variable("rest"))
  }

  static func purpose(verb: String, path: String) -> String {
    String(decoding: "\(verb) \(path)".utf8.prefix(purposeBytesMax), as: UTF8.self)
  }

  /// Refuses bodies that are too large, before anything is sent where they say so themselves.
  private func body(of exchange: Exchange) async throws(Problem) -> RequestRelay {
    guard exchange.hasBody else { return RequestRelay() }
    let bytesMax = limits.requestBytesMax
    let length = exchange.headers[.contentLength].flatMap { Int($0) }
    if let length, length > bytesMax { throw .tooLarge(limitBytes: bytesMax) }
    if let length, length <= UpstreamLimits.bufferedBytesMax {
      return RequestRelay(ByteBuffer(bytes: try await exchange.body(bytesMax: length)))
    }
    do {
      return try await RequestRelay(
        exchange.request.body, length: length, bytesMax: bytesMax,
        on: exchange.channel.eventLoop.taskExecutor)
    } catch {
      throw problem(error)
    }
  }

  private func check(
    _ provider: Provider, _ baseURL: String?
  ) async throws(Problem) -> CheckedEndpoint {
    guard let text = baseURL ?? provider.defaultBaseURL else {
      throw Problem(.conflict, "this key has no endpoint")
    }
    do {
      return try await endpointGuard.check(text)
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

  private func response(
    _ answer: UpstreamAnswer, _ body: RequestRelay, _ exchange: Exchange
  ) async -> Response {
    let fields = headers.forClient(answer.headers)
    guard exchange.method != .head, ![204, 304].contains(answer.status.code) else {
      await body.finish()
      ClientPresence.of(exchange.channel)?.end()
      return Response(status: answer.status, headers: fields)
    }
    let pieces = ResponseBody { writer in
      defer {
        ClientPresence.of(exchange.channel)?.end()
        exchange.log.write(answer.status)
      }
      do {
        while let piece = try await answer.nextPiece() { try await writer.write(piece) }
        try await writer.finish(answer.trailers.map { headers.forClient($0) })
        await body.finish()
      } catch {
        await body.finish()
        // The status is long gone: only breaking off tells the client that something is missing.
        exchange.logger.info(
          "a proxied answer broke off", metadata: ["error": "\(type(of: error))"])
        throw error
      }
    }
    return Response(status: answer.status, headers: fields, body: pieces)
  }

  /// What the client is told; never an error's own words, which may repeat a header.
  private func problem(_ error: UpstreamError) -> Problem {
    switch error {
    case .requestTooLarge: .tooLarge(limitBytes: limits.requestBytesMax)
    case .request(let error): Exchange.unreadableBody(error)
    case .tooManyConnections:
      Problem(
        .serviceUnavailable, "too many requests to this endpoint are under way",
        headers: [.retryAfter: "1"])
    case .connectTimeout:
      Problem(.gatewayTimeout, "the endpoint could not be reached in time")
    case .connectFailed(let reason):
      Problem(.badGateway, "the endpoint could not be reached: \(reason)")
    case .untrusted(let error):
      Problem(.badGateway, "the endpoint is not trusted: \(error)")
    case .proxyFailed(let reason):
      Problem(
        .badGateway, "the endpoint could not be reached: the operator's proxy did not open a way",
        logDetail: "outgoing proxy: \(reason)")
    case .closedBeforeAnswer:
      Problem(.badGateway, "the endpoint closed the connection without an answer")
    case .answerTimeout: Problem(.gatewayTimeout, "the endpoint did not answer in time")
    case .brokenOff: Problem(.badGateway, "the endpoint's answer broke off")
    case .cancelled: Problem(.badGateway, "the request was given up")
    case .malformedRequest(let part):
      Problem(.badRequest, "the request can't be passed on: malformed \(part)")
    case .malformedAnswer(let what):
      Problem(.badGateway, "the endpoint's answer is not HTTP", logDetail: what)
    }
  }
}
