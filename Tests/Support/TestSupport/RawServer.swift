package import NIOCore
import NIOPosix
import Networking
import Synchronization
package import TLS

/// A server on a port of the kernel's choice that does byte for byte what a test says, with or
/// without TLS.
package final class RawServer: Sendable {
  /// One connection, as the test's script sees it.
  package struct Connection: Sendable {
    /// Counted from zero, in the order of their start.
    package let index: Int
    private let channel: any Channel
    private let received: Received

    fileprivate init(index: Int, channel: any Channel, received: Received) {
      (self.index, self.channel, self.received) = (index, channel, received)
    }

    /// Everything up to and with `mark`; nil when the client left before.
    package func receive(until mark: String) async throws -> String? {
      while true {
        if let text = received.take(until: mark) { return text }
        guard await received.waitForMore() else { return nil }
      }
    }

    /// The next `count` bytes; nil when the client left before.
    package func receive(count: Int) async throws -> [UInt8]? {
      while true {
        if let bytes = received.take(count: count) { return bytes }
        guard await received.waitForMore() else { return nil }
      }
    }

    /// The head of the next request.
    package func receiveHead() async throws -> String? { try await receive(until: "\r\n\r\n") }

    /// Returns when the client has closed the connection.
    package func waitForClose() async {
      while await received.waitForMore() {}
    }

    package func send(_ text: String) async throws {
      try await channel.writeAndFlush(ByteBuffer(string: text))
    }

    package func send(_ bytes: [UInt8]) async throws {
      try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
    }

    package func send(_ bytes: ByteBuffer) async throws {
      try await channel.writeAndFlush(bytes)
    }

    package func close() async {
      try? await channel.close()
    }

    /// Closes the connection below TLS, without its goodbye.
    package func cut() async {
      try? await channel.pipeline.handler(type: TLSHandler.self).flatMap { handler in
        channel.pipeline.syncOperations.removeHandler(handler)
      }.flatMap { channel.close() }.get()
    }
  }

  package typealias Script = @Sendable (Connection) async throws -> Void

  package let port: Int
  private let count: Mutex<Int>.Box
  /// How many connections were made.
  package var connectionCount: Int { count.value.withLock(\.self) }

  private init(port: Int, count: Mutex<Int>.Box) {
    (self.port, self.count) = (port, count)
  }

  /// Runs `body` beside a server; `script` runs for each connection, which closes at its end.
  @discardableResult
  package static func run<Result: Sendable>(
    tls: TLSContext? = nil, host: String = "127.0.0.1", port: Int = 0, _ script: @escaping Script,
    _ body: (RawServer) async throws -> Result
  ) async throws -> Result {
    let count = Mutex<Int>.Box(0)
    let group = MultiThreadedEventLoopGroup.singleton
    let listener = try await ServerBootstrap(group: group)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let received = Received()
          let pipeline = channel.pipeline.syncOperations
          if let tls {
            let connection = try TLSConnection(tls, expecting: .anyOfAuthority)
            try pipeline.addHandler(TLSHandler(connection, isClient: false))
          }
          try pipeline.addHandler(Collector(received))
          let index = count.value.withLock { count in
            count += 1
            return count - 1
          }
          let connection = Connection(index: index, channel: channel, received: received)
          Task {
            try? await script(connection)
            await connection.close()
          }
        }
      }
      .bind(host: host, port: port).get()
    let server = RawServer(port: listener.localAddress?.port ?? 0, count: count)
    do {
      let result = try await body(server)
      try await listener.close()
      return result
    } catch {
      try? await listener.close()
      throw error
    }
  }

  /// What has come and was not taken yet. One reader.
  fileprivate final class Received: Sendable {
    private struct State {
      var bytes: [UInt8] = []
      var isClosed = false
      var hasNews = false
      var reader: CheckedContinuation<Bool, Never>?
    }

    private let state = Mutex(State())

    func append(_ bytes: ByteBuffer) {
      let reader = state.withLock { state in
        state.bytes += bytes.readableBytesView
        state.hasNews = state.reader == nil
        return state.reader.take()
      }
      reader?.resume(returning: true)
    }

    func close() {
      let reader = state.withLock { state in
        state.isClosed = true
        return state.reader.take()
      }
      reader?.resume(returning: false)
    }

    func take(until mark: String) -> String? {
      state.withLock { state in
        let mark = Array(mark.utf8)
        guard let start = state.bytes.firstRange(of: mark) else { return nil }
        defer { state.bytes.removeFirst(start.upperBound) }
        return String(decoding: state.bytes[..<start.upperBound], as: UTF8.self)
      }
    }

    func take(count: Int) -> [UInt8]? {
      state.withLock { state in
        guard state.bytes.count >= count else { return nil }
        defer { state.bytes.removeFirst(count) }
        return Array(state.bytes[..<count])
      }
    }

    /// False when nothing more will come.
    func waitForMore() async -> Bool {
      await withCheckedContinuation { continuation in
        let answer = state.withLock { state -> Bool? in
          if state.hasNews {
            state.hasNews = false
            return true
          }
          if state.isClosed { return false }
          state.reader = continuation
          return nil
        }
        if let answer { continuation.resume(returning: answer) }
      }
    }
  }

  private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let received: Received

    init(_ received: Received) {
      self.received = received
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      received.append(unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) { received.close() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }
  }
}

extension Mutex where Value: Sendable {
  /// A lock that several owners share.
  final class Box: Sendable {
    let value: Mutex<Value>

    init(_ value: Value) {
      self.value = Mutex(value)
    }
  }
}
