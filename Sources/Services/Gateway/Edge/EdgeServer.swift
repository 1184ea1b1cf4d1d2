package import Hummingbird
import HummingbirdCore
package import Logging
package import NIOCore
import NIOHTTPTypes
import Networking

/// The HTTP server: its limits, its connections, and the responder that answers them.
package struct EdgeServer: Sendable {
  package static let headerListBytesMax = 32 << 10
  package static let headerFieldsMax = 128
  static let backlog = 1_024
  /// Open connections of clients, if the process may have that many descriptors; more wait to be
  /// accepted.
  package static let connectionsMax = 16_384
  /// What a client needs: its connection and one to a provider.
  static let descriptorsPerClient = 2

  let responder: EdgeResponder
  let timeouts: ClientTimeouts

  package init(_ responder: EdgeResponder, timeouts: ClientTimeouts) {
    self.responder = responder
    self.timeouts = timeouts
  }

  /// What serves on `host` and `port`; `onListening` gets the port.
  package func buildApplication(
    host: String, port: Int,
    connectionsMax: Int = DescriptorLimit.connectionsMax(
      Self.connectionsMax, descriptorsEach: Self.descriptorsPerClient),
    eventLoopGroup: any EventLoopGroup, logger: Logger,
    onListening: @escaping @Sendable (Int) async -> Void
  ) -> Application<EdgeResponder> {
    let (securityHeaders, timeouts) = (responder.securityHeaders, timeouts)
    let connections = HTTP1Channel.Configuration(
      additionalChannelHandlers: [
        RequestPace(timeouts), ClientPresence(), BareResponseHeaders(securityHeaders),
      ],
      httpDecoderConfiguration: .init(
        maxHeaderFieldSize: Self.headerListBytesMax, maxHeaderListSize: Self.headerListBytesMax,
        maxHeaderFieldCount: Self.headerFieldsMax))
    return Application(
      responder: responder, server: EventLoopChannel.server(connections),
      configuration: ApplicationConfiguration(
        address: .hostname(host, port: port), backlog: Self.backlog),
      onServerRunning: { channel in
        let limit = ConnectionLimit(connectionsMax: connectionsMax, logger: logger)
        // Fails only if the server was stopped meanwhile.
        try? await channel.pipeline.addHandler(limit, position: .first).get()
        await onListening(channel.localAddress?.port ?? port)
      },
      eventLoopGroupProvider: .shared(eventLoopGroup), logger: logger)
  }
}

/// HTTP/1.1 connections whose requests are answered on the connection's own event loop, where the
/// RPC clients live too: a request crosses no thread.
private struct EventLoopChannel: ServerChildChannel {
  typealias Value = HTTP1Channel.Value

  private let connections: HTTP1Channel

  init(_ connections: HTTP1Channel) {
    self.connections = connections
  }

  static func server(_ configuration: HTTP1Channel.Configuration) -> HTTPServerBuilder {
    HTTPServerBuilder { responder in
      EventLoopChannel(HTTP1Channel(responder: responder, configuration: configuration))
    }
  }

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    connections.setup(channel: channel, logger: logger)
  }

  func handle(value: Value, logger: Logger) async {
    let eventLoop = value.channel.eventLoop
    // A task of its own, because a client that leaves must be able to cancel it; awaited here.
    let connection = Task(executorPreference: eventLoop.taskExecutor) {
      await connections.handle(value: value, logger: logger)
    }
    eventLoop.execute { ClientPresence.of(value.channel)?.watch(connection) }
    await withTaskCancellationHandler {
      await connection.value
    } onCancel: {
      connection.cancel()
    }
  }
}
