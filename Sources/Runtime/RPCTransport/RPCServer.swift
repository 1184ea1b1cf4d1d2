package import Logging
package import NIOCore
import NIOPosix
import Networking
package import RPC
import Synchronization
import TLS

/// Answers calls of gRPC over HTTP/2 on one listening socket.
package final class RPCServer: Sendable {
  private static let backlogMax: CInt = 1024
  /// Beyond these bytes in a channel's queue nothing more is taken from the session.
  private static let writeBuffer = ChannelOptions.Types.WriteBufferWaterMark(
    low: 32 << 10, high: 128 << 10)

  private enum State {
    case idle
    case listening(any Channel)
    case stopping
  }

  private struct Connections {
    var state = State.idle
    var live: [ObjectIdentifier: ServerConnection] = [:]
    /// Watches the certificate files while the server listens.
    var watcher: CertificateWatcher?
  }

  private let configuration: RPCServerConfiguration
  private let router: Router
  private let eventLoopGroup: any EventLoopGroup
  private let logger: Logger
  private let connections = Mutex(Connections())
  private let stopped = Latch()

  /// Builds the routes; nothing is opened before `start`.
  ///
  /// The first interceptor is the outermost.
  package init(
    _ configuration: RPCServerConfiguration, services: [any RPCService],
    interceptors: [any ServerInterceptor] = [], eventLoopGroup: any EventLoopGroup, logger: Logger
  ) {
    self.configuration = configuration
    self.router = Router(services: services, interceptors: interceptors)
    self.eventLoopGroup = eventLoopGroup
    self.logger = logger
  }

  /// Reads the certificate files, opens the listening socket and returns its port.
  ///
  /// Throws `TLSError` for unusable certificate files, `IOError` when the port is taken.
  package func start() async throws -> Int {
    let credentials = try configuration.tls.map { try TLSCredentials(.server, $0) }
    let shared = ServerShared(
      configuration, router: router, credentials: credentials, logger: logger)
    let connectionsMax = DescriptorLimit.connectionsMax(configuration.connectionCountMax)
    let channel = try await ServerBootstrap(group: eventLoopGroup)
      .serverChannelOption(.backlog, value: Self.backlogMax)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            ConnectionLimit(connectionsMax: connectionsMax, logger: self.logger))
        }
      }
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(.socketOption(.so_keepalive), value: 1)
      .childChannelOption(.writeBufferWaterMark, value: Self.writeBuffer)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try self.accept(channel, shared) }
      }
      .bind(host: configuration.host, port: configuration.port).get()
    let watcher = credentials.map { CertificateWatcher($0, logger: logger) }
    let isWanted = connections.withLock { connections in
      guard case .idle = connections.state else { return false }
      connections.state = .listening(channel)
      connections.watcher = watcher
      watcher?.start(every: configuration.certificateCheckInterval, on: channel.eventLoop)
      return true
    }
    guard isWanted else {
      try? await channel.close()
      throw RPCError(.failedPrecondition, "the server was started or stopped before")
    }
    return channel.localAddress?.port ?? configuration.port
  }

  private func accept(_ channel: any Channel, _ shared: ServerShared) throws {
    let connection = ServerConnection(channel, shared: shared)
    let key = ObjectIdentifier(connection)
    let isAccepted = connections.withLock { connections in
      if case .stopping = connections.state { return false }
      connections.live[key] = connection
      return true
    }
    guard isAccepted else { throw RPCError(.unavailable, "the server is stopping") }
    channel.closeFuture.whenComplete { _ in self.forget(key) }
    try channel.pipeline.syncOperations.addHandler(connection)
  }

  private func forget(_ key: ObjectIdentifier) {
    let isLast = connections.withLock { connections in
      connections.live[key] = nil
      guard case .stopping = connections.state else { return false }
      return connections.live.isEmpty
    }
    if isLast { stopped.open() }
  }

  /// Serves, after `start` if need be, and returns when the shut-down is complete.
  ///
  /// Cancelling the task stops abruptly: calls in flight are cancelled.
  package func run() async throws {
    let isStarted = connections.withLock { connections in
      if case .idle = connections.state { false } else { true }
    }
    if !isStarted { _ = try await start() }
    await withTaskCancellationHandler {
      await stopped.wait()
    } onCancel: {
      leave { $0.stop() }
    }
  }

  /// Stops accepting, asks clients to leave (GOAWAY twice) and lets running calls end within
  /// `gracePeriod`. May be called from anywhere, more than once.
  package func beginGracefulShutdown() {
    leave { $0.drain() }
    eventLoopGroup.next().scheduleTask(in: configuration.gracePeriod.timeAmount) {
      self.leave { $0.stop() }
    }
  }

  private func leave(_ tell: (ServerConnection) -> Void) {
    let (listener, live) = connections.withLock { connections in
      connections.watcher?.stop()
      connections.watcher = nil
      var listener: (any Channel)?
      if case .listening(let channel) = connections.state { listener = channel }
      connections.state = .stopping
      return (listener, Array(connections.live.values))
    }
    listener?.close(promise: nil)
    for connection in live { tell(connection) }
    if live.isEmpty { stopped.open() }
  }
}

/// Something that happens once and that tasks can wait for.
final class Latch: Sendable {
  private enum State {
    case closed([CheckedContinuation<Void, Never>])
    case open
  }

  private let state = Mutex(State.closed([]))

  func open() {
    let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
      guard case .closed(let waiters) = state else { return [] }
      state = .open
      return waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  func wait() async {
    await withCheckedContinuation { waiter in
      let isOpen = state.withLock { state in
        guard case .closed(let waiters) = state else { return true }
        state = .closed(waiters + [waiter])
        return false
      }
      if isOpen { waiter.resume() }
    }
  }
}
