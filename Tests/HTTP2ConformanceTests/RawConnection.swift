import NIOCore
import NIOPosix

/// What a client of raw frames sees.
enum Observation: Sendable, Equatable {
  case frame(Frame)
  /// The server has closed the connection.
  case closed
  /// Nothing has come for two seconds: a rule that is kept never shows as this.
  case silence
}

/// A connection that sends what it is told, legal or not, and keeps what comes back.
final class RawConnection: ChannelInboundHandler, @unchecked Sendable {
  // Sendable because everything but `send` happens on the channel's loop.
  typealias InboundIn = ByteBuffer

  private static let readTimeout = TimeAmount.seconds(2)
  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  private var channel: (any Channel)?
  private var received = ByteBuffer()
  private var observations = CircularBuffer<Observation>()
  private var waiting: EventLoopPromise<Observation>?
  private var isClosed = false

  static func open(port: Int, on group: any EventLoopGroup) async throws -> RawConnection {
    let connection = RawConnection()
    let channel = try await ClientBootstrap(group: group)
      .channelOption(.socketOption(.tcp_nodelay), value: 1)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(connection)
        }
      }
      .connect(host: "127.0.0.1", port: port).get()
    try await channel.eventLoop.submit { connection.channel = channel }.get()
    return connection
  }

  private func onLoop<Value: Sendable>(
    _ body: @escaping @Sendable (any Channel) -> EventLoopFuture<Value>
  ) async throws -> Value {
    guard let channel else { throw ChannelError.ioOnClosedChannel }
    return try await channel.eventLoop.flatSubmit { body(channel) }.get()
  }

  /// A server that has hung up already is no failure: what it said before is what counts.
  func send(_ bytes: [UInt8]) async {
    _ = try? await onLoop { $0.writeAndFlush(ByteBuffer(bytes: bytes)) }
  }

  func close() async {
    _ = try? await onLoop { $0.close() }
  }

  func next() async throws -> Observation {
    try await onLoop { channel in self.next(on: channel.eventLoop) }
  }

  /// What a later `next` shall see first.
  func putBack(_ seen: [Observation]) async throws {
    try await onLoop { channel in
      for observation in seen.reversed() { self.observations.prepend(observation) }
      return channel.eventLoop.makeSucceededVoidFuture()
    }
  }

  private func next(on loop: any EventLoop) -> EventLoopFuture<Observation> {
    if let observation = observations.popFirst() {
      return loop.makeSucceededFuture(observation)
    }
    if isClosed { return loop.makeSucceededFuture(.closed) }
    let promise = loop.makePromise(of: Observation.self)
    waiting = promise
    let timer = loop.scheduleTask(in: Self.readTimeout) { self.resolve(.silence) }
    promise.futureResult.whenComplete { _ in timer.cancel() }
    return promise.futureResult
  }

  private func resolve(_ observation: Observation) {
    guard let promise = waiting else {
      if observation != .silence { observations.append(observation) }
      return
    }
    waiting = nil
    promise.succeed(observation)
  }

  // MARK: Channel

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    received.writeBuffer(&bytes)
    while let frame = Frame(from: &received) { resolve(.frame(frame)) }
  }

  func channelInactive(context: ChannelHandlerContext) {
    isClosed = true
    if waiting != nil { resolve(.closed) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
