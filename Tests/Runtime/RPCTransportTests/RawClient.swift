import HTTP2
import NIOCore
import NIOPosix
import RPC

/// A client that speaks HTTP/2 and knows nothing of gRPC; for requests that `RPCClient` never
/// makes.
final class RawClient: ChannelInboundHandler, @unchecked Sendable {
  // Sendable because everything happens on the channel's loop.
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  struct Response: Sendable {
    var header = HeaderBlock()
    var body = ByteBuffer()
    var trailer: HeaderBlock?
    var resetCode: ErrorCode?
  }

  private final class Exchange {
    var response = Response()
    let promise: EventLoopPromise<Response>

    init(_ promise: EventLoopPromise<Response>) {
      self.promise = promise
    }
  }

  private var session: HTTP2Session?
  private(set) var goAwayCode: ErrorCode?

  static func connect(port: Int) async throws -> (client: RawClient, channel: any Channel) {
    let client = RawClient()
    let channel = try await ClientBootstrap(group: TestServer.group)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(client)
        }
      }
      .connect(host: "127.0.0.1", port: port).get()
    return (client, channel)
  }

  func channelActive(context: ChannelHandlerContext) {
    session = try? HTTP2Session(.client, HTTP2Limits())
    flush(context)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    try? session?.receive(unwrapInboundIn(data))
    handleEvents()
    flush(context)
  }

  func channelInactive(context: ChannelHandlerContext) {
    session?.sweep()
    handleEvents()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func handleEvents() {
    while let event = session?.nextEvent() {
      switch event {
      case .header(let stream, let block, _): exchange(stream)?.response.header = block
      case .data(let stream, var bytes):
        session?.consumedOnConnection(bytes.readableBytes)
        session?.consumedOnStream(stream, bytes.readableBytes)
        exchange(stream)?.response.body.writeBuffer(&bytes)
      case .trailer(let stream, let block): exchange(stream)?.response.trailer = block
      case .closed(let stream, let code):
        guard let exchange = exchange(stream) else { continue }
        if code != .noError { exchange.response.resetCode = code }
        exchange.promise.succeed(exchange.response)
        stream.attachment = nil
      case .goAway(_, let code, _): goAwayCode = code
      case .interim, .endOfStream, .settings, .ping, .pingAcknowledged, .drained: break
      }
    }
  }

  private func exchange(_ stream: HTTP2Stream) -> Exchange? { stream.attachment as? Exchange }

  private func flush(_ context: ChannelHandlerContext) {
    guard let session else { return }
    try? session.drain()
    handleEvents()
    let output = session.output
    session.output = ByteBuffer()
    if output.readableBytes > 0 {
      context.writeAndFlush(wrapOutboundOut(output), promise: nil)
    }
  }

  /// Sends one request and waits for its end; fields of `overriding` replace those of a gRPC call.
  static func request(
    port: Int, _ overriding: [(String, String?)], body: ByteBuffer? = nil, ends: Bool = true
  ) async throws -> Response {
    let (client, channel) = try await connect(port: port)
    let response = try await channel.eventLoop.flatSubmit {
      client.send(overriding, body: body, ends: ends, on: channel)
    }.get()
    try? await channel.close()
    return response
  }

  private func send(
    _ overriding: [(String, String?)], body: ByteBuffer?, ends: Bool, on channel: any Channel
  ) -> EventLoopFuture<Response> {
    let promise = channel.eventLoop.makePromise(of: Response.self)
    var pairs: [(String, String)] = [
      (":method", "POST"), (":scheme", "http"), (":authority", "localhost"),
      (":path", "/test.Service/Echo"), ("te", "trailers"), ("content-type", "application/grpc"),
    ]
    for (name, value) in overriding {
      pairs.removeAll { $0.0 == name }
      if let value {
        pairs.insert((name, value), at: name.hasPrefix(":") ? 0 : pairs.count)
      }
    }
    var fields = HeaderFields()
    for (name, value) in pairs { fields.append(name, value) }
    do {
      guard let session else { throw ChannelError.ioOnClosedChannel }
      let stream = try session.request(fields, attachment: Exchange(promise))
      if let body { session.write(stream, body) }
      if ends { session.finish(stream) }
      let context = try channel.pipeline.syncOperations.context(handler: self)
      flush(context)
    } catch {
      promise.fail(error)
    }
    return promise.futureResult
  }
}
