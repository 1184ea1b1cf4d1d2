package import HTTPTypes
package import NIOCore
package import NIOHTTP1
package import Networking
package import TLS

/// The way out to providers: its only door takes an endpoint that an `EndpointGuard` has checked.
package struct Upstream: Sendable {
  /// A provider may close a connection just when a request is sent on it. That close arrives within
  /// a round trip; whoever closes later has had the request, which must not be paid twice.
  private static let crossingCloseMax = Duration.seconds(1)
  /// How often a request is sent again that the provider did nothing with.
  private static let refusalsMax = 3

  private let pool: UpstreamPool

  /// - Throws: `TLSError` when the authorities can't be read.
  package init(
    _ limits: UpstreamLimits, authorities: TrustedAuthorities = TrustedAuthorities(),
    proxy: OutboundProxy? = nil
  ) throws(TLSError) {
    pool = UpstreamPool(
      try UpstreamConnector(limits, authorities: authorities, proxy: proxy), limits: limits)
  }

  /// Sends a request and returns when the head of its answer has come.
  ///
  /// The body stays the caller's: whatever happens, the caller ends with the relay's `finish`.
  ///
  /// - Parameters:
  ///   - eventLoop: where the connection should live: that of the client.
  ///   - watch: hears of what comes before the answer, and may give the request up until then.
  package func send(
    _ request: UpstreamRequest, body: RequestRelay, to endpoint: CheckedEndpoint,
    on eventLoop: any EventLoop, watch: UpstreamWatch = UpstreamWatch()
  ) async throws(UpstreamError) -> UpstreamAnswer {
    let head = try request.head(for: endpoint.url, bodyLength: body.length)
    var isFresh = false
    var refusalCount = 0
    var usesHTTP1 = request.offersUpgrade
    while true {
      if watch.isStopped { throw .stopped }
      let connection = try await pool.connection(
        to: endpoint, on: eventLoop, isFresh: isFresh, usesHTTP1: usesHTTP1)
      let beginning = await connection.begin(
        head, body: body.bytes, isComplete: body.isAtHand, watch: watch)
      let (stream, wasUsed): (AnswerStream, Bool)
      switch beginning {
      case .begun(let begun, let isOld): (stream, wasUsed) = (begun, isOld)
      case .dead(wasUsed: true): continue
      case .dead(wasUsed: false): throw .closedBeforeAnswer
      case .full:
        guard !isFresh else { throw .tooManyConnections }
        isFresh = true
        continue
      }
      watch.set {
        stream.fail(.stopped)
        connection.abort(stream)
      }
      let start = ContinuousClock.now
      body.send(on: connection, stream)
      do {
        let head = try await stream.head()
        return UpstreamAnswer(head, stream: stream, connection: connection)
      } catch {
        guard body.isAtHand else { throw error }
        switch error {
        case .closedBeforeAnswer where wasUsed && !isFresh:
          guard request.method.isIdempotent || start.duration(to: .now) < Self.crossingCloseMax
          else { throw error }
        case .refused where refusalCount < Self.refusalsMax: refusalCount += 1
        case .needsHTTP1 where !usesHTTP1:
          pool.avoidHTTP2(to: endpoint)
          usesHTTP1 = true
        default: throw error
        }
        isFresh = true
      }
    }
  }

  /// Closes every connection; requests under way fail.
  package func close() async { await pool.close() }
}

extension HTTPRequest.Method {
  /// Sent twice, it means the same (RFC 9110, 9.2.2).
  fileprivate var isIdempotent: Bool { [.get, .head, .put, .delete, .options].contains(self) }
}

/// A provider's answer, whose body is still on its way.
package struct UpstreamAnswer: Sendable {
  /// Ends the exchange with the last reference to it: an answer that nobody gets to read must not
  /// hold its connection.
  private final class Hold: Sendable {
    let stream: AnswerStream
    let connection: any UpstreamConnection

    init(_ stream: AnswerStream, _ connection: any UpstreamConnection) {
      (self.stream, self.connection) = (stream, connection)
    }

    deinit {
      if !stream.hasEnded { connection.abort(stream) }
    }
  }

  /// From 200 to 999; 101 where the request offered to go on with another protocol.
  package let status: HTTPResponse.Status
  package let headers: HTTPHeaders
  private let hold: Hold

  init(_ head: HTTPResponseHead, stream: AnswerStream, connection: any UpstreamConnection) {
    status = HTTPResponse.Status(
      code: Int(head.status.code), reasonPhrase: head.status.reasonPhrase)
    headers = head.headers
    hold = Hold(stream, connection)
  }

  /// What the connection is after 101: it carries bytes, for as long as this answer is kept.
  package var channel: any Channel { hold.connection.channel }

  /// Leaves the connection to `end`, after 101.
  package func hand(to end: TunnelEnd) async throws {
    // Who offers another protocol has a connection of HTTP/1.1.
    guard let connection = hold.connection as? HTTP1Connection else {
      throw UpstreamError.malformedAnswer("101 by HTTP/2")
    }
    try await connection.hand(to: end)
  }

  /// The next piece of the body when it has come, nil at the end; cancelling ends the exchange.
  package func nextPiece() async throws(UpstreamError) -> ByteBuffer? {
    try await hold.stream.next()
  }

  /// The whole body, if it came together with the head as small ones do; else nil, and nothing is
  /// taken.
  package func takeWholeBody() -> ByteBuffer? { hold.stream.takeWhole() }

  /// What came behind the body (RFC 9110, 6.5.1): known at its end.
  package var trailers: HTTPHeaders? { hold.stream.trailers }
}

/// How patient the proxy is with a provider, and how much it sends and keeps.
package struct UpstreamLimits: Sendable {
  /// Until a connection can be used: TCP, a proxy on the way, and TLS.
  package var connectTimeout: Duration = .seconds(10)
  /// From the end of the request to the first byte of its answer. Models think, and SDKs repeat a
  /// request that is given up: it is paid twice.
  package var answerTimeout: Duration = .seconds(900)
  /// How long a provider may stay silent in the middle of an answer, or leave a request unread.
  package var idleTimeout: Duration = .seconds(900)
  /// How long a connection without requests is kept.
  package var connectionIdleTimeout: Duration = .seconds(60)
  /// Connections to one host and port; more requests wait, for as long as connecting may take.
  package var connectionsPerHostMax = 2_048
  /// Connections without requests, to all hosts.
  package var idleConnectionsMax = 512
  /// Whether providers are offered HTTP/2.
  package var offersHTTP2 = true
  /// When nothing has come for so long on a connection of HTTP/2 with requests under way, it is
  /// asked whether it lives.
  package var pingInterval: Duration = .seconds(30)
  /// How long the answer to that may take.
  package var pingTimeout: Duration = .seconds(15)
  /// The largest request body that is passed on.
  package var requestBytesMax = 512 << 20
  /// What one user may have under way at once.
  package var requestsPerUserMax = 256
  /// Requests under way in all; more are refused.
  package var requestsMax = 8_192
  /// Bodies of all users that are kept in memory until they are sent.
  package var bufferedBytesTotalMax = 256 << 20
  /// Those of one user.
  package var bufferedBytesPerUserMax = 32 << 20
  /// Bodies up to this size are read before the provider is called; larger ones are passed on as
  /// they arrive.
  package static let bufferedBytesMax = 1 << 20
  /// What a provider may send by HTTP/2 on a stream, and on a connection, before we say that some
  /// was read: bounds the memory of who doesn't read, and the speed of who is far away.
  static let streamWindowBytes = 256 << 10
  static let connectionWindowBytes = 4 << 20

  package init() {}
}
