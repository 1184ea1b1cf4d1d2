package import Backend
package import Edge
package import Egress
import HTTPTypes
import NIOCore
import NIOHTTP1
package import Providers
import RPC
package import ServiceAPI

/// Asks providers whether they take a key.
///
/// The vault opens the key, or checks one that is not stored, and has recorded it; the request
/// goes the way of all requests to providers, so that endpoints of users are guarded as in the
/// proxy. How it ended is told to the vault before the caller gets it, so that the key's health is
/// what they read.
package struct KeyTester: Sendable {
  /// For the whole test at the provider; a list of models takes a second.
  package static let testTimeout: Duration = .seconds(20)
  /// Of the answer; what is longer is not read to its end.
  package static let answerBytesMax = 4 << 20
  /// For telling the vault how it ended, while the caller waits.
  private static let reportTimeout: Duration = .seconds(3)

  private let services: Services
  private let catalogue: ProviderCatalogue
  private let endpointGuard: EndpointGuard
  private let upstream: Upstream
  private let ownOrigin: String?
  private let pace = KeyTestPace()

  /// - Parameter publicOrigin: the portal's own, which is no provider.
  package init(
    services: Services, catalogue: ProviderCatalogue, publicOrigin: String,
    endpointGuard: EndpointGuard, upstream: Upstream
  ) {
    self.services = services
    self.catalogue = catalogue
    self.endpointGuard = endpointGuard
    self.upstream = upstream
    ownOrigin = (try? EndpointURL(publicOrigin))?.origin
  }

  /// Tests a stored key, or the one beside it. Throws `RPCError` and `Problem`: what came of the
  /// test is no error.
  package func test(
    id: String, isSecond: Bool = false, for visitor: Visitor, _ exchange: Exchange
  ) async throws -> GatewayAPI.KeyTest {
    guard !id.isEmpty else { throw Problem.invalid("id", "is missing") }
    return try await test(
      VaultAPI.ResolveForTestRequest(id: id, secondKey: isSecond), for: visitor, exchange)
  }

  /// Tests a key that is not stored.
  package func test(
    _ key: GatewayAPI.TestKeyRequest, for visitor: Visitor, _ exchange: Exchange
  ) async throws -> GatewayAPI.KeyTest {
    try await test(
      VaultAPI.ResolveForTestRequest(
        provider: key.provider, apiKey: key.apiKey, baseUrl: key.baseUrl), for: visitor, exchange)
  }

  private func test(
    _ request: VaultAPI.ResolveForTestRequest, for visitor: Visitor, _ exchange: Exchange
  ) async throws -> GatewayAPI.KeyTest {
    try pace.begin(user: visitor.account.id)
    let resolved: VaultAPI.ResolveCredentialResponse
    do throws(RPCError) {
      resolved = try await services.vault.resolveForTest(
        request, options: visitor.options(for: exchange))
    } catch {
      guard error.isNotTestable else { throw error }
      return GatewayAPI.KeyTest(
        outcome: .notTestable, message: "Not tested: \(error.message). Its first use will show.")
    }
    guard let provider = catalogue.provider(id: resolved.provider), let call = provider.test else {
      throw Problem(.conflict, "this portal knows no provider '\(resolved.provider)' any more")
    }
    let run = Run(resolved, provider, call)
    let (verdict, end) = await ask(run, for: visitor, exchange)
    await report(end, exchange)
    return GatewayAPI.KeyTest(verdict, milliseconds: end.milliseconds)
  }

  // MARK: The call

  private struct Run {
    let key: VaultAPI.ResolveCredentialResponse
    let provider: Provider
    let call: Provider.TestCall
    let start = ContinuousClock.now

    init(
      _ key: VaultAPI.ResolveCredentialResponse, _ provider: Provider, _ call: Provider.TestCall
    ) {
      (self.key, self.provider, self.call) = (key, provider, call)
    }

    var milliseconds: Int64 { Int64(start.duration(to: .now) / .milliseconds(1)) }

    var request: UpstreamRequest {
      let parts = call.path.split(atByte: "?", maxSplits: 1)
      var headers: HTTPHeaders = ["accept": "application/json", "user-agent": "chatelaine"]
      for (name, value) in call.headers ?? [:] { headers.add(name: name, value: value) }
      if let authentication = provider.authentication, !key.apiKey.isEmpty {
        headers.replaceOrAdd(
          name: authentication.header, value: authentication.prefix + key.apiKey)
      }
      return UpstreamRequest(
        method: .get, path: String(parts[0]), query: parts.count > 1 ? String(parts[1]) : nil,
        headers: headers)
    }

    func end(_ failure: VaultAPI.UseEnd.Failure = .unspecified) -> VaultAPI.UseEnd {
      VaultAPI.UseEnd(
        useTicket: key.useTicket, failure: failure, milliseconds: milliseconds)
    }
  }

  private func ask(
    _ run: Run, for visitor: Visitor, _ exchange: Exchange
  ) async -> (KeyTestVerdict, VaultAPI.UseEnd) {
    let endpoint: CheckedEndpoint
    do {
      endpoint = try await endpointGuard.check(
        run.key.baseUrl ?? run.provider.baseURL(forPath: run.call.path) ?? "",
        for: visitor.account.id)
    } catch {
      return (.unreachable("The endpoint \(error)."), run.end(.notSent))
    }
    guard endpoint.url.origin != ownOrigin else {
      return (.unreachable("The endpoint is this portal itself."), run.end(.notSent))
    }
    let watch = UpstreamWatch()
    let loop = exchange.stream.eventLoop
    let timer = loop.scheduleTask(in: TimeAmount(Self.testTimeout)) { watch.stop() }
    defer { timer.cancel() }
    do throws(UpstreamError) {
      let answer = try await upstream.send(
        run.request, body: RequestRelay(), to: endpoint, on: loop, watch: watch)
      let firstByte = run.milliseconds
      let body = try await Self.body(of: answer)
      var end = run.end()
      end.status = Int32(answer.status.code)
      end.firstByteMilliseconds = firstByte
      end.responseBytes = Int64(body.count)
      let verdict = KeyTestVerdict(
        status: answer.status.code, body: body, of: run.provider, run.call, key: run.key.apiKey)
      end.keyState = verdict.keyState
      return (verdict, end)
    } catch {
      return (.unreachable(error.sentence), run.end(error.failure))
    }
  }

  private static func body(of answer: UpstreamAnswer) async throws(UpstreamError) -> [UInt8] {
    var body: [UInt8] = []
    while body.count <= answerBytesMax, let piece = try await answer.nextPiece() {
      body += piece.readableBytesView
    }
    return body
  }

  /// Tells the vault; when it doesn't take it now, the reporter goes on trying.
  private func report(_ end: VaultAPI.UseEnd, _ exchange: Exchange) async {
    guard !end.useTicket.isEmpty else { return }
    do throws(RPCError) {
      _ = try await services.vault.recordUses(
        VaultAPI.RecordUsesRequest(uses: [end]), options: CallOptions(timeout: Self.reportTimeout))
    } catch {
      services.uses.add(end)
    }
  }
}

extension RPCError {
  /// The reason that the vault gives for providers without a cheap call.
  fileprivate var isNotTestable: Bool {
    details.contains { detail in
      guard case .errorInfo(let reason, _) = detail else { return false }
      return reason.utf8.elementsEqual("NOT_TESTABLE".utf8)
    }
  }
}

extension UpstreamError {
  /// What a person is told; never an error's own words, which may repeat a header.
  fileprivate var sentence: String {
    switch self {
    case .tooManyConnections: "Too many requests to it are under way. Try again in a moment."
    case .connectTimeout, .answerTimeout, .stopped, .cancelled: "It did not answer in time."
    case .connectFailed(let reason): "It could not be reached: \(reason)."
    case .untrusted(let error): "Its certificate is not trusted: \(error)."
    case .proxyFailed: "The operator's proxy did not open a way to it."
    case .closedBeforeAnswer, .brokenOff, .refused, .needsHTTP1: "It closed the connection."
    case .malformedAnswer, .unreadableField: "What answers there is not HTTP."
    case .requestTooLarge, .request, .malformedRequest: "The request could not be sent."
    }
  }

  fileprivate var failure: VaultAPI.UseEnd.Failure {
    switch self {
    case .tooManyConnections, .malformedRequest, .refused, .needsHTTP1, .requestTooLarge, .request:
      .notSent
    case .connectFailed, .untrusted, .proxyFailed: .unreachable
    case .connectTimeout, .answerTimeout, .stopped: .timedOut
    case .closedBeforeAnswer, .brokenOff, .malformedAnswer, .unreadableField: .brokenOff
    case .cancelled: .clientLeft
    }
  }
}
