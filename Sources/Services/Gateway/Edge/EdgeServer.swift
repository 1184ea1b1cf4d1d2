import HTTPTypes
package import Logging
package import NIOCore
import Networking
package import ServiceLifecycle
package import TLS

/// The HTTP server: its limits, its connections, and the responder that answers them.
package struct EdgeServer: Sendable {
  package static let headerListBytesMax = 32 << 10
  package static let headerFieldsMax = 128
  /// What is spoken over TLS (ALPN, RFC 7301), the preferred protocol first.
  package static let applicationProtocols = [http2, "http/1.1"]
  static let http2 = "h2"
  static let backlog: Int32 = 1_024
  /// Open connections of clients, if the process may have that many descriptors; more wait to be
  /// accepted.
  package static let connectionsMax = 16_384
  /// What a client needs: its connection and one to a provider.
  static let descriptorsPerClient = 2

  let responder: EdgeResponder
  let timeouts: ClientTimeouts
  let credentials: TLSCredentials?
  let isStopping: @Sendable () -> Bool

  /// - Parameters:
  ///   - credentials: for TLS; without, clients come in the clear. With, only those on this machine
  ///     and trusted proxies may do so.
  ///   - isStopping: whether clients are to go elsewhere with their next request.
  package init(
    _ responder: EdgeResponder, timeouts: ClientTimeouts, credentials: TLSCredentials? = nil,
    isStopping: @escaping @Sendable () -> Bool = { false }
  ) {
    self.responder = responder
    self.timeouts = timeouts
    self.credentials = credentials
    self.isStopping = isStopping
  }

  /// What serves on `host` and `port`; `onListening` gets the port.
  package func buildServer(
    host: String, port: Int,
    connectionsMax: Int = DescriptorLimit.connectionsMax(
      Self.connectionsMax, descriptorsEach: Self.descriptorsPerClient),
    eventLoopGroup: any EventLoopGroup, logger: Logger,
    onListening: @escaping @Sendable (Int) async -> Void
  ) -> any Service {
    EdgeListener(
      connections: EdgeConnections(
        edge: EdgeAnswers(responder: responder), timeouts: timeouts, credentials: credentials,
        trustedProxies: responder.trustedProxies, isStopping: isStopping),
      host: host, port: port, connectionsMax: connectionsMax, eventLoopGroup: eventLoopGroup,
      logger: logger, onListening: onListening)
  }
}

/// Answers requests, however they came.
final class EdgeAnswers: Sendable {
  private let responder: EdgeResponder
  private let dates = AnswerDate()

  init(responder: EdgeResponder) {
    self.responder = responder
  }

  func response(to request: Request, on stream: ServerStream) async -> Response {
    var response = await responder.respond(to: request, on: stream)
    response.headers[.date] = dates.text
    return response
  }
}
