import HTTP2
import NIOCore
import NIOPosix
import RPC
import RPCTransport
import Synchronization

/// A server that does to each request what a test says, also what no good server does; it records
/// what reaches it.
final class ScriptedServer: Sendable {
  enum Behaviour: Sendable {
    /// A message with the server's name.
    case answer
    /// An answer once the client has sent this many pings.
    case answerAfterPings(Int)
    case fail(RPCError.Code, trailers: [(String, String)])
    /// RST_STREAM with REFUSED_STREAM.
    case refuse
    /// GOAWAY that says that no stream was looked at.
    case goAway
    /// GOAWAY after which the request is answered.
    case goAwayAndAnswer
    /// Closes the connection.
    case hangUp
    /// Nothing more is read or sent, not even answers to pings.
    case freeze
  }

  struct Record: Sendable {
    var connectionCount = 0
    var openConnectionCount = 0
    var requests: [HeaderBlock] = []
    var pingCount = 0
  }

  private struct State {
    var behaviours: [Behaviour]
    var record = Record()
    var connections: [any Channel] = []
    var turnsAway = false
  }

  let name: String
  private let state: Mutex<State>
  private let listener = Mutex<(any Channel)?>(nil)
  fileprivate let concurrentStreamsMax: Int

  /// The last behaviour repeats.
  init(
    _ name: String = "scripted", _ behaviours: [Behaviour], concurrentStreamsMax: Int = 128
  ) async throws {
    self.name = name
    self.concurrentStreamsMax = concurrentStreamsMax
    state = Mutex(State(behaviours: behaviours))
    let channel = try await ServerBootstrap(group: TestServer.group)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Connection(self))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    listener.withLock { $0 = channel }
  }

  var port: Int { listener.withLock { $0?.localAddress?.port ?? 0 } }
  var record: Record { state.withLock(\.record) }

  /// The paths that were asked for, in order.
  var paths: [String] { record.requests.map { $0[":path"] ?? "" } }

  func client(
    interceptors: [any ClientInterceptor] = [],
    configure: (inout RPCClientConfiguration) -> Void = { _ in }
  ) -> RPCClient {
    var configuration = RPCClientConfiguration(host: "127.0.0.1", port: port, tls: nil)
    configuration.connectionCountMax = 1
    configure(&configuration)
    return RPCClient(
      configuration, interceptors: interceptors, eventLoopGroup: TestServer.group, logger: .silent)
  }

  /// Closes the connections that are open; new ones are taken.
  func hangUp() async {
    for channel in state.withLock(\.connections) { try? await channel.close() }
  }

  /// Whether new connections are closed at once.
  func turnAway(_ turnsAway: Bool) {
    state.withLock { $0.turnsAway = turnsAway }
  }

  fileprivate var turnsAway: Bool { state.withLock(\.turnsAway) }

  func stop() async {
    let channel = listener.withLock { $0 }
    try? await channel?.close()
    await hangUp()
  }

  fileprivate func opened(_ channel: any Channel) {
    state.withLock { state in
      state.record.connectionCount += 1
      state.record.openConnectionCount += 1
      state.connections.append(channel)
    }
  }

  fileprivate func closed() {
    state.withLock { $0.record.openConnectionCount -= 1 }
  }

  fileprivate func pinged() -> Int {
    state.withLock { state in
      state.record.pingCount += 1
      return state.record.pingCount
    }
  }

  fileprivate func behaviour(for request: HeaderBlock) -> Behaviour {
    state.withLock { state in
      state.record.requests.append(request)
      return state.behaviours.count > 1
        ? state.behaviours.removeFirst() : state.behaviours.first ?? .answer
    }
  }
}

private final class Connection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let server: ScriptedServer
  private var session: HTTP2Session?
  private var isFrozen = false
  /// Answered after so many pings.
  private var waiting: [(stream: HTTP2Stream, pingCount: Int)] = []

  init(_ server: ScriptedServer) {
    self.server = server
  }

  func channelActive(context: ChannelHandlerContext) {
    server.opened(context.channel)
    guard !server.turnsAway else { return context.close(promise: nil) }
    var limits = HTTP2Limits()
    limits.concurrentStreamsMax = server.concurrentStreamsMax
    session = try? HTTP2Session(.server, limits)
    flush(context)
  }

  func channelInactive(context: ChannelHandlerContext) {
    server.closed()
    session?.sweep()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isFrozen else { return }
    try? session?.receive(unwrapInboundIn(data))
    while let event = session?.nextEvent() {
      switch event {
      case .header(let stream, let block, _):
        perform(server.behaviour(for: block), stream, context)
      case .data(let stream, let bytes):
        session?.consumedOnConnection(bytes.readableBytes)
        session?.consumedOnStream(stream, bytes.readableBytes)
      case .ping:
        let pingCount = server.pinged()
        for entry in waiting where entry.pingCount <= pingCount { answer(entry.stream) }
        waiting.removeAll { $0.pingCount <= pingCount }
      default: break
      }
    }
    flush(context)
  }

  private func perform(
    _ behaviour: ScriptedServer.Behaviour, _ stream: HTTP2Stream, _ context: ChannelHandlerContext
  ) {
    switch behaviour {
    case .answer: answer(stream)
    case .answerAfterPings(let count): waiting.append((stream, count))
    case .fail(let code, let trailers):
      var fields = header
      fields.append("grpc-status", String(code.rawValue))
      for (name, value) in trailers { fields.append(name, value) }
      try? session?.respond(stream, fields, endOfStream: true)
    case .refuse: session?.reset(stream, .refusedStream)
    case .goAway:
      // Length 8, type GOAWAY, stream 0; last stream 0, NO_ERROR.
      let frame: [UInt8] = [0, 0, 8, 7, 0, 0, 0, 0, 0] + Array(repeating: 0, count: 8)
      session?.output.writeBytes(frame)
    case .goAwayAndAnswer:
      session?.goAway(.noError)
      answer(stream)
    case .hangUp: context.close(promise: nil)
    case .freeze: isFrozen = true
    }
  }

  private var header: HeaderFields {
    var fields = HeaderFields()
    fields.append(":status", "200")
    fields.append("content-type", "application/grpc")
    return fields
  }

  private func answer(_ stream: HTTP2Stream) {
    var trailers = HeaderFields()
    trailers.append("grpc-status", "0")
    try? session?.respond(stream, header, endOfStream: false)
    session?.write(stream, Envelope.seal(ByteBuffer(string: server.name)))
    session?.finish(stream, trailers: trailers)
  }

  private func flush(_ context: ChannelHandlerContext) {
    guard let session, !isFrozen else { return }
    try? session.drain()
    while session.nextEvent() != nil {}
    let output = session.output
    session.output = ByteBuffer()
    if output.readableBytes > 0 {
      context.writeAndFlush(wrapOutboundOut(output), promise: nil)
    }
    if session.isFinished { context.close(promise: nil) }
  }
}
