import Edge
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

@testable import GatewayServer
@testable import HTTP2Trials

/// Clients that send many requests, or half a one, and what they get for it.
@Suite(.timeLimit(.minutes(1))) struct PipeliningTests {
  private static let requestCount = 100
  /// Together their answers are more than the kernel keeps for a client that doesn't read.
  private static let request = "GET /api/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"
  private static let answerStart = Array("HTTP/1.1 200".utf8)

  /// Counts answers; reads nothing until it is told to.
  private final class Reader: ChannelInboundHandler, @unchecked Sendable {
    // Sendable because what changes is touched on the event loop only.
    typealias InboundIn = ByteBuffer

    private let done: EventLoopPromise<Int>
    private var bytes: [UInt8] = []

    init(_ done: EventLoopPromise<Int>) { self.done = done }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      bytes += unwrapInboundIn(data).readableBytesView
    }

    func channelInactive(context: ChannelHandlerContext) {
      done.succeed(bytes.ranges(of: answerStart).count)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      if event as? ChannelEvent == .inputClosed { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { done.fail(error) }
  }

  /// Who doesn't read would otherwise have the gateway keep all that it asks for; and whoever says
  /// that nothing more comes still gets everything.
  @Test func whoDoesNotReadGetsNoFurtherAnswersAndLaterAllOfThem() async throws {
    let lines = LogLines()
    try await TestGateway.run(logger: lines.logger) { gateway in
      let port = try #require(Int(gateway.address.split(separator: ":").last ?? ""))
      let loop = MultiThreadedEventLoopGroup.singleton.next()
      let done = loop.makePromise(of: Int.self)
      let channel = try await ClientBootstrap(group: loop)
        .channelOption(.autoRead, value: false)
        .channelOption(.allowRemoteHalfClosure, value: true)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(Reader(done))
          }
        }
        .connect(host: "127.0.0.1", port: port).get()
      let requests = String(repeating: Self.request, count: Self.requestCount)
      try await channel.writeAndFlush(ByteBuffer(string: requests))
      try await channel.close(mode: .output)
      // Others are served meanwhile, and whoever would answer all would be done by then.
      for _ in 0..<200 {
        #expect(try await gateway.send(.GET, "/healthz").status == 200)
      }
      let answered = lines.all.count { $0.text("route") == "/api/openapi.json" }
      #expect(answered < Self.requestCount)
      try await channel.setOption(.autoRead, value: true).get()
      #expect(try await done.futureResult.get() == Self.requestCount)
    }
  }

  /// A client that never ends its request must not keep a stream for ever.
  @Test func aStreamWhoseBodyNeverComesIsAnsweredAndReset() async throws {
    var timeouts = ClientTimeouts()
    timeouts.bodyTimeout = .milliseconds(300)
    timeouts.farewellTimeout = .milliseconds(100)
    try await TestGateway.run(timeouts: timeouts) { gateway in
      let port = try #require(Int(gateway.address.split(separator: ":").last ?? ""))
      let connection = try await HTTP2Trials.RawConnection.open(
        port: port, on: MultiThreadedEventLoopGroup.singleton)
      let rule = Rule(
        nil, "8.1", "a request that never ends",
        [
          .headers(
            1,
            Request.block([
              (":method", "POST"), (":scheme", "http"), (":path", "/api/v1/sessions"),
              (":authority", "127.0.0.1"), ("content-type", "application/json"),
            ]), end: false)
        ], .reset(1, .noError))
      try await Trial(connection: connection, delivery: .together).run(rule)
      await connection.close()
    }
  }
}
