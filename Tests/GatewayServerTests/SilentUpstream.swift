import NIOCore
import NIOPosix

/// A provider that accepts a request and says nothing; tells when it got one and when the
/// connection went.
struct SilentUpstream: Sendable {
  enum Event: Sendable { case received, closed }

  let port: Int
  let events: AsyncStream<Event>
  private let channel: any Channel

  static func start() async throws -> SilentUpstream {
    let (events, sink) = AsyncStream.makeStream(of: Event.self)
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Listener(sink))
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
    private let sink: AsyncStream<Event>.Continuation

    init(_ sink: AsyncStream<Event>.Continuation) {
      self.sink = sink
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { sink.yield(.received) }
    func channelInactive(context: ChannelHandlerContext) { sink.yield(.closed) }
  }
}
