package import Hummingbird
import HummingbirdCore
package import Logging
package import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
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
  let isStopping: @Sendable () -> Bool

  /// - Parameter isStopping: whether clients are to go elsewhere with their next request.
  package init(
    _ responder: EdgeResponder, timeouts: ClientTimeouts,
    isStopping: @escaping @Sendable () -> Bool = { false }
  ) {
    self.responder = responder
    self.timeouts = timeouts
    self.isStopping = isStopping
  }

  /// What serves on `host` and `port`; `onListening` gets the port.
  package func buildApplication(
    host: String, port: Int,
    connectionsMax: Int = DescriptorLimit.connectionsMax(
      Self.connectionsMax, descriptorsEach: Self.descriptorsPerClient),
    eventLoopGroup: any EventLoopGroup, logger: Logger,
    onListening: @escaping @Sendable (Int) async -> Void
  ) -> Application<EdgeResponder> {
    let (timeouts, isStopping) = (timeouts, isStopping)
    return Application(
      responder: responder,
      server: HTTPServerBuilder {
        EdgeChannel(responder: $0, timeouts: timeouts, isStopping: isStopping)
      },
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
private struct EdgeChannel: HTTPChannelHandler {
  typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

  let responder: HTTPChannelHandler.Responder
  let timeouts: ClientTimeouts
  let isStopping: @Sendable () -> Bool

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    channel.eventLoop.makeCompletedFuture {
      let decoder = RequestDecoder(limits: Self.decoderLimits)
      try channel.pipeline.syncOperations.addHandlers([
        HTTPResponseEncoder(), ByteToMessageHandler(decoder),
        ConnectionRules(decoder, isStopping: isStopping),
        HTTP1ToHTTPServerCodec(secure: false), RequestPace(timeouts), ClientPresence(),
        HTTPConnectionStateHandler(logger: logger),
      ])
      return try NIOAsyncChannel(
        wrappingChannelSynchronously: channel,
        configuration: .init(isOutboundHalfClosureEnabled: true))
    }
  }

  private static var decoderLimits: NIOHTTPDecoderLimitConfiguration {
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = EdgeServer.headerListBytesMax
    limits.maxHeaderListSize = EdgeServer.headerListBytesMax
    limits.maxHeaderFieldCount = EdgeServer.headerFieldsMax
    return limits
  }

  func handle(value: Value, logger: Logger) async {
    let eventLoop = value.channel.eventLoop
    // A task of its own, because a client that leaves must be able to cancel it; awaited here.
    let connection = Task(executorPreference: eventLoop.taskExecutor) {
      await handleHTTP(asyncChannel: value, logger: logger)
    }
    eventLoop.execute { ClientPresence.of(value.channel)?.watch(connection) }
    await withTaskCancellationHandler {
      await connection.value
    } onCancel: {
      connection.cancel()
    }
  }
}
