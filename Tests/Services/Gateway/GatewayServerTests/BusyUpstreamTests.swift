import Edge
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Testing

@testable import GatewayServer

/// A provider that reads when it gets to it is not its client's fault: while the gateway can't pass
/// on what came, nobody is slow.
@Suite(.timeLimit(.minutes(1))) struct BusyUpstreamTests {
  @Test func anUploadOutlivesEveryLimitOfItsClientWhileTheProviderDoesNotRead() async throws {
    var timeouts = ClientTimeouts()
    timeouts.requestHeadTimeout = .seconds(1)
    timeouts.bodyTimeout = .seconds(1)
    timeouts.proxiedBodyTimeout = .seconds(1)
    timeouts.keepAliveTimeout = .milliseconds(1_200)
    let size = 24 << 20
    let upstream = try await BusyUpstream.start()
    try await TestGateway.run(allowing: ["127.0.0.1:\(upstream.port)"], timeouts: timeouts) {
      gateway in
      gateway.backend.store(
        provider: "custom", label: "lab", key: "upstream-key",
        baseURL: "http://127.0.0.1:\(upstream.port)")
      async let answer = gateway.send(
        .POST, "/proxy/custom/lab/v1/files",
        headers: [("authorization", "Bearer \(FakeBackend.accessToken)")],
        body: String(repeating: "a", count: size))
      await upstream.waitForConnection()
      // As long as the gateway takes to lose its patience with a connection that is idle.
      _ = try await gateway.raw("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
      try await upstream.beginToRead()
      let (status, body) = try await (answer.status, answer.body)
      #expect(status == 200)
      #expect(body == "\(size)")
    }
    try await upstream.stop()
  }
}

/// A provider that accepts a connection and reads nothing of it until it is told to; its answer is
/// the count of bytes of the request's body.
private final class BusyUpstream: Sendable {
  let port: Int
  private let listener: any Channel
  private let connections: AsyncStream<any Channel>
  private let connection = Mutex<(any Channel)?>(nil)

  private init(_ listener: any Channel, _ connections: AsyncStream<any Channel>) {
    port = listener.localAddress?.port ?? 0
    self.listener = listener
    self.connections = connections
  }

  static func start() async throws -> BusyUpstream {
    let (connections, sink) = AsyncStream.makeStream(of: (any Channel).self)
    let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelOption(.autoRead, value: false)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.configureHTTPServerPipeline()
          try pipeline.addHandler(Counter())
          sink.yield(channel)
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    return BusyUpstream(listener, connections)
  }

  func waitForConnection() async {
    let first = await connections.first { _ in true }
    connection.withLock { $0 = first }
  }

  func beginToRead() async throws {
    guard let channel = connection.withLock({ $0 }) else { return }
    try await channel.setOption(.autoRead, value: true).get()
  }

  func stop() async throws {
    try await listener.close()
  }

  private final class Counter: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart
    private var count = 0

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch unwrapInboundIn(data) {
      case .head: break
      case .body(let bytes): count += bytes.readableBytes
      case .end:
        let text = "\(count)"
        let head = HTTPResponseHead(
          version: .http1_1, status: .ok, headers: ["content-length": "\(text.utf8.count)"])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
      }
    }
  }
}
