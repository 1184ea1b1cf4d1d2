import AsyncHTTPClient
package import HTTPTypes
package import NIOCore
package import NIOHTTP1
package import NIOSSL
import Providers

/// The way out to providers: its only door takes an endpoint that an `EndpointGuard` has checked.
package struct Upstream: Sendable {
  private let clients: UpstreamClients
  private let limits: UpstreamLimits

  /// - Parameter trustRoots: who vouches for providers' certificates.
  package init(
    eventLoopGroup: any EventLoopGroup, limits: UpstreamLimits,
    trustRoots: NIOSSLTrustRoots = .default
  ) {
    clients = UpstreamClients(
      eventLoopGroup: eventLoopGroup, limits: limits, trustRoots: trustRoots)
    self.limits = limits
  }

  /// Sends a request and returns when the head of its answer has come.
  ///
  /// The body stays the caller's: whatever happens, the caller ends with the relay's `finish`.
  package func send(
    _ request: UpstreamRequest, body: RequestRelay, to endpoint: CheckedEndpoint
  ) async throws(UpstreamError) -> UpstreamAnswer {
    guard let lease = clients.lease(endpoint) else { throw .tooManyEndpoints }
    var outgoing = HTTPClientRequest(url: request.url(on: endpoint.url))
    outgoing.method = HTTPMethod(rawValue: request.method.rawValue)
    outgoing.headers = request.headers
    outgoing.body = body.body
    let answer: HTTPClientResponse
    do {
      answer = try await lease.client.execute(outgoing, timeout: TimeAmount(limits.idleTimeout))
    } catch {
      throw UpstreamError(error)
    }
    let code = answer.status.code
    guard code >= 200, UpstreamStatusCheck.isStatus(code) else {
      throw .malformedAnswer("status \(code)")
    }
    return UpstreamAnswer(
      status: HTTPResponse.Status(code: Int(code), reasonPhrase: answer.status.reasonPhrase),
      headers: answer.headers, body: answer.body, lease: lease)
  }

  /// Closes every connection; requests under way fail.
  package func close() async { await clients.close() }
}

/// What goes to a provider, apart from its body.
package struct UpstreamRequest: Sendable {
  package let method: HTTPRequest.Method
  /// As the client sent it, beginning with a slash.
  package let path: String
  /// Without the question mark; nil where there is none.
  package let query: String?
  package var headers: HTTPHeaders

  package init(
    method: HTTPRequest.Method, path: String, query: String?, headers: HTTPHeaders = [:]
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.headers = headers
  }

  /// A version segment with which both the base ends and the path begins is not doubled, so that
  /// `…/v1` as an SDK's base URL works with endpoints that people wrote with and without it.
  func url(on endpoint: EndpointURL) -> String {
    endpoint.appending(path: path) + (query.map { "?\($0)" } ?? "")
  }
}

/// A provider's answer, whose body is still on its way.
package struct UpstreamAnswer: Sendable {
  package let status: HTTPResponse.Status
  package let headers: HTTPHeaders
  let body: HTTPClientResponse.Body
  let lease: UpstreamClients.Lease

  /// Each piece when it arrives; the next one is read when it is asked for.
  package var pieces: some AsyncSequence<ByteBuffer, any Error> { body }
}

/// Why there is no answer of a provider.
package enum UpstreamError: Error {
  /// Connections to too many hosts are in use.
  case tooManyEndpoints
  /// Too many requests to this endpoint are under way.
  case tooManyRequests
  case connectTimeout
  case answerTimeout
  /// The task was cancelled.
  case cancelled
  case requestTooLarge
  /// The client's body ended early, for this reason.
  case request(any Error)
  /// What came is not HTTP; the text is for the operator.
  case malformedAnswer(String)
  /// Anything else, by the type of the error: its text may repeat a header.
  case unreachable(String)

  init(_ error: any Error) {
    switch (error, error as? HTTPClientError) {
    case (let error as UpstreamError, _): self = error
    case (is HTTPParserError, _): self = .malformedAnswer("\(error)")
    case (_, .getConnectionFromPoolTimeout?): self = .tooManyRequests
    case (_, .connectTimeout?): self = .connectTimeout
    case (_, .readTimeout?), (_, .deadlineExceeded?): self = .answerTimeout
    case (is CancellationError, _), (_, .cancelled?): self = .cancelled
    default: self = .unreachable("\(type(of: error))")
    }
  }
}

/// How patient the proxy is with a provider, and how much it sends.
package struct UpstreamLimits: Sendable {
  package var connectTimeout: Duration = .seconds(10)
  /// Without a byte from the provider for this long, the request is given up. Models think.
  package var idleTimeout: Duration = .seconds(300)
  /// How long a connection without requests is kept.
  package var connectionIdleTimeout: Duration = .seconds(60)
  /// HTTP/1.1 connections to one host; more requests wait, for as long as connecting may take.
  package var connectionsPerHostMax = 1_024
  /// The largest request body that is passed on.
  package var requestBytesMax = 32 << 20
  /// Bodies up to this size are read before the provider is called; larger ones are passed on as
  /// they arrive.
  package static let bufferedBytesMax = 1 << 20

  package init() {}
}
