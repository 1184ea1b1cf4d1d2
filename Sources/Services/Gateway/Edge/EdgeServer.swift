import HTTPTypes
import HummingbirdCore
package import Logging
package import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import Networking
package import ServiceLifecycle

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
  package func buildServer(
    host: String, port: Int,
    connectionsMax: Int = DescriptorLimit.connectionsMax(
      Self.connectionsMax, descriptorsEach: Self.descriptorsPerClient),
    eventLoopGroup: any EventLoopGroup, logger: Logger,
    onListening: @escaping @Sendable (Int) async -> Void
  ) -> any Service {
    let (responder, dates) = (responder, AnswerDate())
    let channel = EdgeChannel(
      responder: { (request, writer: consuming ResponseWriter, channel) in
        try await Self.answer(request, writer, channel, responder, dates)
      }, timeouts: timeouts, isStopping: isStopping)
    return channel.server(
      configuration: ServerConfiguration(
        address: .hostname(host, port: port), backlog: Self.backlog),
      onServerRunning: { channel in
        let limit = ConnectionLimit(connectionsMax: connectionsMax, logger: logger)
        // Fails only if the server was stopped meanwhile.
        try? await channel.pipeline.addHandler(limit, position: .first).get()
        await onListening(channel.localAddress?.port ?? port)
      }, eventLoopGroup: eventLoopGroup, logger: logger)
  }

  // As the library's own functions, which it is called by and calls: on the task's executor, which
  // is the connection's loop.
  @concurrent private static func answer(
    _ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel,
    _ responder: EdgeResponder, _ dates: AnswerDate
  ) async throws {
    var response: Response
    do {
      response = try await responder.respond(to: request, context: EdgeContext(channel: channel))
    } catch let error as HTTPParserError {
      throw error
    } catch {
      response = Response(status: .internalServerError)
    }
    response.headers[.date] = dates.text
    do {
      try await writer.write(response: response.head, body: response.body)
    } catch is HTTPParserError {
      // That error would have the connection answer once more.
      throw BrokenAnswer()
    }
  }

  /// The request turned out to be malformed when its answer had begun.
  private struct BrokenAnswer: Error {}
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
