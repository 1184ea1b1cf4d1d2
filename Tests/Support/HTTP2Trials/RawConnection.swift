import NIOCore
import NIOPosix
import TLS

/// What a client of raw frames sees.
enum Observation: Sendable, Equatable {
  case frame(Frame)
  /// The server has closed the connection, TLS with its own good-bye.
  case closed
  /// The server has closed the connection below TLS: its last words may be missing.
  case cut
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
  private let tls: TLSConnection?
  private var established: EventLoopPromise<Void>?
  private var received = ByteBuffer()
  private var observations = CircularBuffer<Observation>()
  private var waiting: EventLoopPromise<Observation>?
  private var isClosed = false

  private init(tls: TLSConnection?) {
    self.tls = tls
  }

  static func open(
    port: Int, tls: TLSContext? = nil, on group: any EventLoopGroup
  ) async throws -> RawConnection {
    let connection = RawConnection(
      tls: try tls.map { try TLSConnection($0, expecting: .anyOfAuthority) })
    let channel = try await ClientBootstrap(group: group)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(connection)
        }
      }
      .connect(host: "127.0.0.1", port: port).get()
    try await channel.eventLoop.flatSubmit {
      connection.channel = channel
      return connection.handshake(channel)
    }.get()
    return connection
  }

  private func handshake(_ channel: any Channel) -> EventLoopFuture<Void> {
    let promise = channel.eventLoop.makePromise(of: Void.self)
    guard let tls else {
      promise.succeed()
      return promise.futureResult
    }
    established = promise
    do {
      try tls.start()
      writeCiphertext(channel, promise: nil)
    } catch {
      promise.fail(error)
    }
    return promise.futureResult
  }

  private func writeCiphertext(_ channel: any Channel, promise: EventLoopPromise<Void>?) {
    var ciphertext = ByteBuffer()
    tls?.takeOutput(into: &ciphertext)
    channel.writeAndFlush(ciphertext, promise: promise)
  }

  private func onLoop<Value: Sendable>(
    _ body: @escaping @Sendable (any Channel) -> EventLoopFuture<Value>
  ) async throws -> Value {
    guard let channel else { throw ChannelError.ioOnClosedChannel }
    return try await channel.eventLoop.flatSubmit { body(channel) }.get()
  }

  /// A server that has hung up already is no failure: what it said before is what counts.
  func send(_ bytes: [UInt8]) async {
    _ = try? await onLoop { channel in
      var plaintext = ByteBuffer(bytes: bytes)
      guard let tls = self.tls else { return channel.writeAndFlush(plaintext) }
      let promise = channel.eventLoop.makePromise(of: Void.self)
      do {
        try tls.send(&plaintext)
        self.writeCiphertext(channel, promise: promise)
      } catch {
        promise.fail(error)
      }
      return promise.futureResult
    }
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
    if isClosed { return loop.makeSucceededFuture(tls == nil ? .closed : .cut) }
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
    guard let tls else {
      received.writeBuffer(&bytes)
      return resolveFrames()
    }
    do {
      try tls.receive(bytes, plaintext: &received)
      writeCiphertext(context.channel, promise: nil)
      if tls.isEstablished {
        established?.succeed()
        established = nil
      }
      resolveFrames()
      if tls.isClosedByPeer { resolve(.closed) }
    } catch {
      established?.fail(error)
      context.close(promise: nil)
    }
  }

  private func resolveFrames() {
    while let frame = Frame(from: &received) { resolve(.frame(frame)) }
  }

  func channelInactive(context: ChannelHandlerContext) {
    isClosed = true
    established?.fail(ChannelError.eof)
    if waiting != nil { resolve(tls == nil ? .closed : .cut) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
