import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOPosix
import Networking
import Providers
import TLS
import TestSupport
import Testing

@testable import Egress

/// A way out for tests, and what they send on it.
struct UpstreamRig {
  static let loop = MultiThreadedEventLoopGroup.singleton.next()
  static let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
  static let get = UpstreamRequest(method: .get, path: "/v1/models", query: nil)
  static let post = UpstreamRequest(method: .post, path: "/v1/chat", query: nil)

  struct Outcome: Sendable {
    let status: Int
    let body: String
    let trailers: HTTPHeaders?
  }

  /// Runs `body` with a way out, which is closed afterwards.
  @discardableResult
  func withUpstream<Result: Sendable>(
    _ limits: UpstreamLimits = UpstreamLimits(),
    authorities: TrustedAuthorities = TrustedAuthorities(),
    _ body: (Upstream) async throws -> Result
  ) async throws -> Result {
    let upstream = try Upstream(limits, authorities: authorities)
    do {
      let result = try await body(upstream)
      await upstream.close()
      return result
    } catch {
      await upstream.close()
      throw error
    }
  }

  /// `url`, of a name that has these addresses.
  func endpoint(
    _ url: String, addresses: [String] = ["127.0.0.1"]
  ) async throws -> CheckedEndpoint {
    let parsed = try EndpointURL(url)
    var allowed = EndpointAllowList()
    let isEntry = allowed.insert("\(parsed.host):\(parsed.port)")
    #expect(isEntry)
    return try await EndpointGuard(
      allowList: allowed, resolver: FixedResolver(["provider.test": addresses])
    ).check(url, for: "user")
  }

  func send(
    _ upstream: Upstream, _ request: UpstreamRequest, to endpoint: CheckedEndpoint,
    body: RequestRelay = RequestRelay()
  ) async throws -> Outcome {
    let answer = try await upstream.send(request, body: body, to: endpoint, on: Self.loop)
    var text = ""
    while let piece = try await answer.nextPiece() { text += String(buffer: piece) }
    return Outcome(
      status: answer.status.code, body: text, trailers: answer.trailers)
  }

  /// What a request fails with; an answer is a failure of the test.
  func failure(
    _ upstream: Upstream, _ request: UpstreamRequest = get, to endpoint: CheckedEndpoint,
    body: RequestRelay = RequestRelay()
  ) async throws -> UpstreamError? {
    do {
      let outcome = try await send(upstream, request, to: endpoint, body: body)
      Issue.record("answered with \(outcome.status)")
      return nil
    } catch let error as UpstreamError {
      return error
    }
  }

  /// Answers every request on a connection with `answer`.
  static func answering(_ answer: String) -> RawServer.Script {
    { connection in
      while try await connection.receiveHead() != nil { try await connection.send(answer) }
    }
  }
}

extension UpstreamError? {
  /// Whether it is the case of this name, which says this.
  func `is`(_ name: String, _ detail: String? = nil) -> Bool {
    guard let self else { return false }
    let description = String(describing: self)
    return description.hasPrefix(name) && (detail.map(description.contains) ?? true)
  }
}
