import NIOCore
import NIOPosix

/// A provider that does not speak HTTP: it says nothing, or one text as soon as anything arrives.
/// Tells when it got something and when the connection went.
struct SilentUpstream: Sendable {
  enum Event: Sendable { case received, closed }

  let port: Int
  let events: AsyncStream<Event>
  private let channel: any Channel

  static func start(
    answering text: String? = nil, thenClosing closes: Bool = false
  ) async throws -> SilentUpstream {
    let (events, sink) = AsyncStream.makeStream(of: Event.self)
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Listener(sink, text, closes: closes))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    return SilentUpstream(port: channel.localAddress?.port ?? 0, events: events, channel: channel)
  }

  func stop() async throws {
    try await channel.close()
  }

  private final class Listener: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let sink: AsyncStream<Event>.Continuation
    private var text: String?
    private let closes: Bool

    init(_ sink: AsyncStream<Event>.Continuation, _ text: String?, closes: Bool) {
      self.sink = sink
      self.text = text
      self.closes = closes
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      sink.yield(.received)
      guard let text else { return }
      self.text = nil
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
      if closes { context.close(promise: nil) }
    }
    func channelInactive(context: ChannelHandlerContext) { sink.yield(.closed) }
  }
}
