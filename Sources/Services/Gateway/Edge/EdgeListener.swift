import Logging
import NIOCore
import NIOExtras
import NIOPosix
import Networking
import ServiceLifecycle
import Synchronization

/// Listens until it is told to stop, then lets running requests end; being cancelled ends them.
///
/// A listener that closes without being told to is an error: nobody could reach the gateway, and
/// whoever supervises it starts it again.
struct EdgeListener: Service {
  let connections: EdgeConnections
  let host: String
  let port: Int
  let connectionsMax: Int
  let eventLoopGroup: any EventLoopGroup
  let logger: Logger
  let onListening: @Sendable (Int) async -> Void

  /// The listening socket closed though nobody had said so.
  struct ListenerClosed: Error {}

  func run() async throws {
    let open = OpenConnections()
    let quiescing = ServerQuiescingHelper(group: eventLoopGroup)
    let limit = ConnectionLimit(connectionsMax: connectionsMax, logger: logger)
    let listener = try await ServerBootstrap(group: eventLoopGroup)
      .serverChannelOption(.backlog, value: EdgeServer.backlog)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers([
            limit, quiescing.makeServerChannelHandler(channel: channel),
          ])
        }
      }
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelOption(.autoRead, value: false)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { [connections] channel in
        channel.eventLoop.makeCompletedFuture {
          open.insert(channel)
          try connections.add(to: channel)
        }
      }
      .bind(host: host, port: port).get()
    await onListening(listener.localAddress?.port ?? port)
    let end = listener.eventLoop.makePromise(of: Void.self)
    listener.closeFuture.whenComplete { _ in
      guard open.beginEnding() else { return }
      open.closeAll()
      end.fail(ListenerClosed())
    }
    try await withTaskCancellationHandler {
      try await withGracefulShutdownHandler {
        do {
          try await end.futureResult.get()
        } catch let error as ListenerClosed {
          throw error
        } catch {
          // What didn't end well has ended.
        }
      } onGracefulShutdown: {
        _ = open.beginEnding()
        quiescing.initiateShutdown(promise: end)
      }
    } onCancel: {
      _ = open.beginEnding()
      listener.closeFuture.whenComplete { _ in open.closeAll(end) }
      listener.close(promise: nil)
    }
  }
}

/// The connections that are open, so that they can be closed at once.
final class OpenConnections: Sendable {
  private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])
  private let isEnding = Mutex(false)

  /// Whether this is the first reason to end.
  func beginEnding() -> Bool {
    isEnding.withLock { isEnding in
      defer { isEnding = true }
      return !isEnding
    }
  }

  func insert(_ channel: any Channel) {
    let id = ObjectIdentifier(channel)
    channels.withLock { $0[id] = channel }
    channel.closeFuture.whenComplete { _ in self.channels.withLock { $0[id] = nil } }
  }

  /// Closes them all, and returns what was open.
  @discardableResult func closeAll() -> [any Channel] {
    let open = channels.withLock { Array($0.values) }
    for channel in open { channel.close(promise: nil) }
    return open
  }

  /// Closes them all; `promise` succeeds when they are.
  func closeAll(_ promise: EventLoopPromise<Void>) {
    let open = closeAll()
    EventLoopFuture.andAllComplete(
      open.map(\.closeFuture), on: promise.futureResult.eventLoop
    )
    .cascade(to: promise)
  }
}
