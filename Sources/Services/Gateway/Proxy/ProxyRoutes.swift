package import Backend
package import Cryptography
package import Edge
package import Egress
import HTTPTypes
import Identity
import Logging
import Metering
import NIOCore
import NIOHTTP1
import Networking
package import Providers
import RPC
import ServiceAPI

/// The proxy: an SDK's request goes to the provider with the user's key put in.
package struct ProxyRoutes: Sendable {
  private static let verbs = ["GET", "POST", "PUT", "PATCH", "DELETE"]

  /// Longest purpose that a receipt takes, in bytes.
  static let purposeBytesMax = 512
  private static let keyLabel = HTTPField.Name.fixed("X-Chatelaine-Label")

  private let services: Services
  private let authenticator: Authenticator
  private let catalogue: ProviderCatalogue
  private let endpointGuard: EndpointGuard
  private let upstream: Upstream
  private let limits: UpstreamLimits
  private let shares: RequestShares
  /// `scheme://host[:port]` of the portal, as an endpoint would have it.
  private let ownOrigin: String?
  private let publicOrigin: String
  private let credentials: CredentialFields
  private let headers: ProxyHeaders
  private let problems: ProxyProblem
  private let grants: UploadGrants
  private let metrics = ProxyMetrics()

  package init(
    services: Services, authenticator: Authenticator, catalogue: ProviderCatalogue,
    publicOrigin: String, endpointGuard: EndpointGuard, upstream: Upstream, limits: UpstreamLimits
  ) throws(CryptographyError) {
    self.services = services
    self.authenticator = authenticator
    self.catalogue = catalogue
    self.endpointGuard = endpointGuard
    self.upstream = upstream
    self.limits = limits
    shares = RequestShares(limits)
    self.publicOrigin = publicOrigin
    ownOrigin = (try? EndpointURL(publicOrigin))?.origin
    credentials = CredentialFields(catalogue: catalogue)
    headers = ProxyHeaders(credentials: credentials)
    problems = ProxyProblem(publicOrigin: publicOrigin, requestBytesMax: limits.requestBytesMax)
    grants = try UploadGrants()
  }

  package func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    // One handler reads all addresses. With a template for each shape, one that lacks its path
    // would be taken for another: `/proxy/custom/lab` for provider "custom" without a label.
    [
      try Edge.Route(Self.verbs, "/proxy/custom/{rest=**}", .proxy) { try await answer($0) },
      try Edge.Route(Self.verbs, "/proxy/{rest=**}", .proxy) { try await answer($0) },
    ]
  }

  private func answer(_ exchange: Exchange) async throws -> Response {
    do {
      return try await relay(exchange)
    } catch let problem as Problem {
      throw problems.told(problem)
    }
  }

  private func relay(_ exchange: Exchange) async throws -> Response {
    if ProxyHeaders.haveComeBack(exchange.headers) { throw ProxyProblem.loop }
    var target = try ProxyTarget(
      exchange.target, labelField: exchange.headers[Self.keyLabel, default: ""])
    var query = ProxyQuery(target.query)
    let token = try self.token(of: exchange, &target, &query)
    let visitor = try await visitor(of: token, exchange)
    // Ends the request when the token is revoked while it runs.
    let use = authenticator.begin(visitor, on: exchange)
    let provider = try provider(of: target, for: visitor)
    // The body first, the key last: a client that sends none costs no key and leaves no receipt.
    // From here on every path must end with `finish`: the connection waits for its body's reader.
    let share = try share(of: visitor, provider)
    let body =
      visitor.limits.models.isEmpty
      ? try await self.body(of: exchange, share)
      : try await bodyWithin(visitor.limits, of: exchange, target, query, share)
    var record: ProxiedUse?
    do {
      if use.isRevoked { throw problems.deadToken }
      let visitor = visitor.isFresh ? visitor : try await self.visitor(of: token, exchange)
      let key = try await open(target, provider, for: visitor, exchange)
      // An endpoint of one's own has prices of its own.
      let asked = AskedUse(
        target, body, pricedProvider: key.baseUrl == nil ? provider.id : nil, prices: .published)
      let first = ProxiedUse(key.useTicket, services.uses, asked)
      record = first
      if key.operatorKey, !LentKey.isFor(exchange.method, target.path) {
        throw ProxyProblem.lentKeyOnlyGenerates
      }
      var request = UpstreamRequest(
        method: exchange.method, path: target.path, query: query.text,
        headers: headers.forUpstream(exchange.headers, without: token))
      let endpoint = try await check(
        key.baseUrl ?? provider.baseURL(forPath: target.path) ?? provider.defaultBaseURL,
        for: visitor)
      if endpoint.url.origin == ownOrigin { throw ProxyProblem.loop }
      // Noticed also while the provider thinks: nobody would read what it says.
      exchange.stream.watchClient()
      if exchange.offersWebSocket { ProxyWebSocket.offer(in: &request) }
      let watch = self.watch(exchange)
      use.onRevocation { watch.stop() }
      let (answer, opened) = try await ProxyAttempt(
        services: services, upstream: upstream, metrics: metrics, provider: provider,
        target: target, visitor: visitor, exchange: exchange, body: body, endpoint: endpoint,
        watch: watch, asked: asked
      ).send(request, with: key, first)
      record = opened
      let addresses = try ProxyAddresses(
        target: target, provider: provider, baseURL: key.baseUrl == nil ? nil : endpoint.url,
        endpoint: endpoint.url, publicOrigin: publicOrigin, grants: grants, token: token
      ).fields(of: answer.headers, status: answer.status)
      guard use.beginAnswer() else { throw problems.deadToken }
      if answer.status == .switchingProtocols {
        return try await ProxyWebSocket(headers, limits).run(answer, share, opened, use, exchange)
      }
      var response = await response(answer, body, share, use, opened, exchange)
      response.headers.append(contentsOf: addresses)
      return response
    } catch {
      let isRevoked = use.isRevoked
      record?.end(isRevoked ? UpstreamError.stopped : error, requestBytes: body.byteCount)
      use.end()
      await body.finish()
      exchange.stream.unwatchClient()
      if isRevoked { throw problems.deadToken }
      if let error = error as? UpstreamError { throw problems.unanswered(problems.problem(error)) }
      throw error
    }
  }

  // MARK: Steps

  /// Passes on what the provider says before its answer, e.g. 103 with links to load early.
  private func watch(_ exchange: Exchange) -> UpstreamWatch {
    UpstreamWatch { [headers] interim in
      exchange.tell(
        interim: HTTPResponse.Status(code: Int(interim.status.code)),
        headers.forClient(interim.headers))
    }
  }

  /// Throws for a provider that isn't known, or that the visitor's access token is not for.
  private func provider(of target: ProxyTarget, for visitor: Visitor) throws(Problem) -> Provider {
    guard let provider = catalogue.provider(id: target.providerID) else {
      throw problems.unknownProvider(target.providerID, catalogue)
    }
    guard visitor.limits.allow(provider: provider.id) else {
      throw problems.otherProvider(provider, visitor.limits)
    }
    return provider
  }

  /// The access token, from any header, as Google's `?key=` or from an upload's address; `query` is
  /// left without it.
  private func token(
    of exchange: Exchange, _ target: inout ProxyTarget, _ query: inout ProxyQuery
  ) throws(Problem) -> ProxyToken {
    let inHeader = credentials.token(in: exchange.headers)
    var found = inHeader ?? query.token
    if found == nil, let digits = target.grant {
      let grant = try opened(digits, target, exchange.method)
      target.take(grant)
      found = grant.token
    }
    guard let token = found else { throw problems.noToken }
    // A link with a token in it would show a page of somebody else's choice at our address.
    if inHeader == nil, exchange.headers[.fetchMode] == "navigate" { throw ProxyProblem.navigation }
    query.remove(token)
    // Path and label also stand in the receipt, which is kept for ever.
    let texts = [exchange.target.path[...], query.text.map { $0[...] } ?? "", target.label[...]]
    if texts.contains(where: token.isHeld) { throw ProxyProblem.tokenInAddress }
    return token
  }

  private func opened(
    _ digits: String, _ target: ProxyTarget, _ method: HTTPRequest.Method
  ) throws(Problem) -> UploadGrants.Grant {
    do throws(UploadGrants.Failure) {
      return try grants.open(digits, for: target, method: method)
    } catch {
      throw ProxyProblem.refused(error)
    }
  }

  private func visitor(of token: ProxyToken, _ exchange: Exchange) async throws -> Visitor {
    do {
      return try await authenticator.bearer(token.secret, exchange)
    } catch let error as RPCError where error.code == .unauthenticated {
      throw problems.deadToken
    }
  }

  private func open(
    _ target: ProxyTarget, _ provider: Provider, for visitor: Visitor, _ exchange: Exchange
  ) async throws -> VaultAPI.ResolveCredentialResponse {
    do throws(RPCError) {
      return try await services.vault.resolveCredential(
        VaultAPI.ResolveCredentialRequest(
          provider: provider.id, label: target.label,
          purpose: Self.purpose(verb: exchange.method.rawValue, path: target.path)),
        options: visitor.options(for: exchange))
    } catch {
      throw problems.opening(error, provider)
    }
  }

  /// For the receipt: verb and path at the provider. Never the query, which may hold anything.
  static func purpose(verb: String, path: String) -> String {
    String(decoding: "\(verb) \(path)".utf8.prefix(purposeBytesMax), as: UTF8.self)
  }

  /// Refuses a request of somebody who has too much under way.
  private func share(
    of visitor: Visitor, _ provider: Provider
  ) throws(Problem) -> RequestShares.Share {
    do throws(RequestShares.Refusal) {
      return try shares.begin(
        user: visitor.account.id, isCustom: provider.id.hasBytes(of: ProxyTarget.customProvider))
    } catch {
      metrics.refused(error)
      throw ProxyProblem.refused(error)
    }
  }

  /// Refuses bodies that are too large, before anything is sent where they say so themselves.
  private func body(
    of exchange: Exchange, _ share: RequestShares.Share
  ) async throws(Problem) -> RequestRelay {
    guard exchange.hasBody else { return RequestRelay() }
    let bytesMax = limits.requestBytesMax
    let length = exchange.headers[.contentLength].flatMap { Int($0) }
    if let length, length > bytesMax { throw .tooLarge(limitBytes: bytesMax) }
    if let length, length <= UpstreamLimits.bufferedBytesMax {
      try keep(length, share)
      return RequestRelay(try await exchange.bodyBuffer(bytesMax: length))
    }
    do {
      return try await RequestRelay(
        exchange.request.body, length: length, bytesMax: bytesMax,
        on: exchange.stream.eventLoop.taskExecutor)
    } catch {
      throw problems.problem(error)
    }
  }

  private func keep(_ bodyBytes: Int, _ share: RequestShares.Share) throws(Problem) {
    do throws(RequestShares.Refusal) {
      try share.keepBody(bytes: bodyBytes)
    } catch {
      metrics.refused(error)
      throw ProxyProblem.refused(error)
    }
  }

  /// The whole body, after a look at the models that the request names.
  private func bodyWithin(
    _ limits: AccessLimits, of exchange: Exchange, _ target: ProxyTarget, _ query: ProxyQuery,
    _ share: RequestShares.Share
  ) async throws(Problem) -> RequestRelay {
    guard !exchange.offersWebSocket else { throw problems.refused(.webSocket, limits) }
    var body: ByteBuffer?
    if exchange.hasBody {
      let length = exchange.headers[.contentLength].flatMap { Int($0) } ?? .max
      try keep(min(max(0, length), NamedModels.bodyBytesMax), share)
      do throws(Problem) {
        body = try await exchange.bodyBuffer(bytesMax: NamedModels.bodyBytesMax)
      } catch {
        throw error.status == .contentTooLarge ? problems.refused(.tooLarge, limits) : error
      }
    }
    do throws(NamedModels.Refusal) {
      var models = NamedModels(path: target.path, query: query.text)
      if let body, body.readableBytes > 0 {
        guard NamedModels.isJSON(exchange.headers[.contentType, default: ""]) else {
          throw .unreadable
        }
        try models.read(Array(buffer: body))
      }
      try models.check(limits, isSafe: exchange.method.isSafe || exchange.method == .delete)
    } catch {
      throw problems.refused(error, limits)
    }
    return body.map { RequestRelay($0) } ?? RequestRelay()
  }

  private func check(
    _ baseURL: String?, for visitor: Visitor
  ) async throws(Problem) -> CheckedEndpoint {
    guard let baseURL else { throw Problem(.conflict, "this key has no endpoint") }
    do {
      return try await endpointGuard.check(baseURL, for: visitor.account.id)
    } catch {
      switch error {
      case .unresolvable, .resolverSilent: throw Problem(.badGateway, "the endpoint \(error)")
      case .resolverBusy:
        throw Problem(
          .serviceUnavailable, "the endpoint \(error)", headers: [.retryAfter: "1"])
      case .malformed, .needsHTTPS, .localName, .address:
        throw Problem(.forbidden, "the endpoint \(error)")
      }
    }
  }

  private func response(
    _ answer: UpstreamAnswer, _ body: RequestRelay, _ share: RequestShares.Share,
    _ use: CredentialUse, _ record: ProxiedUse, _ exchange: Exchange
  ) async -> Response {
    let fields = headers.forClient(answer.headers)
    let hasBody = exchange.method != .head && ![204, 304].contains(answer.status.code)
    // A small answer is there with its head, and goes out in one write; not one that is a stream,
    // however short. A request that is still on its way here would hold it up.
    let mayBeWhole =
      hasBody && body.isAtHand && fields[.contentLength] != nil
      && !fields[.contentType, default: ""].beginsWithBytes(of: "text/event-stream")
    let whole = mayBeWhole ? answer.takeWholeBody() : nil
    var meter = hasBody ? AnswerMeter(for: answer) : nil
    guard hasBody, whole == nil else {
      use.end()
      if let whole { meter?.read(whole) }
      record.end(
        requestBytes: body.byteCount, responseBytes: whole?.readableBytes ?? 0, meter: meter)
      await body.finish()
      exchange.stream.unwatchClient()
      return Response(
        status: answer.status, headers: fields,
        body: whole.map { ResponseBody(byteBuffer: $0) } ?? ResponseBody())
    }
    let pieces = ResponseBody { [meter] writer in
      var meter = meter
      defer {
        withExtendedLifetime(share) {}
        use.end()
        exchange.stream.unwatchClient()
        exchange.log.write(answer.status)
      }
      var byteCount = 0
      do {
        while let piece = try await answer.nextPiece() {
          byteCount += piece.readableBytes
          meter?.read(piece)
          try await writer.write(piece)
        }
        try await writer.finish(answer.trailers.map { headers.forClient($0) })
        record.end(requestBytes: body.byteCount, responseBytes: byteCount, meter: meter)
        await body.finish()
      } catch {
        // What isn't the provider's is the client's.
        let failure = (error as? UpstreamError).map(ProxiedUse.failure) ?? .clientLeft
        record.end(
          use.isRevoked ? .revoked : failure, requestBytes: body.byteCount,
          responseBytes: byteCount, meter: meter)
        await body.finish()
        // The status is long gone: only breaking off tells the client that something is missing.
        exchange.logger.info(
          "a proxied answer broke off", metadata: ["error": "\(type(of: error))"])
        throw error
      }
    }
    return Response(status: answer.status, headers: fields, body: pieces)
  }
}
