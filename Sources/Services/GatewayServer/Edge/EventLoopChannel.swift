import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import Networking

/// HTTP/1.1 connections whose requests are answered on the connection's own event loop, where the
/// RPC clients live too: a request crosses no thread.
struct EventLoopChannel: ServerChildChannel {
  typealias Value = HTTP1Channel.Value

  private let connections: HTTP1Channel

  init(_ connections: HTTP1Channel) {
    self.connections = connections
  }

  static func server(_ configuration: HTTP1Channel.Configuration) -> HTTPServerBuilder {
    HTTPServerBuilder { responder in
      EventLoopChannel(HTTP1Channel(responder: responder, configuration: configuration))
    }
  }

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    connections.setup(channel: channel, logger: logger)
  }

  func handle(value: Value, logger: Logger) async {
    let eventLoop = value.channel.eventLoop
    // A task of its own, because a client that leaves must be able to cancel it; awaited here.
    let connection = Task(executorPreference: eventLoop.taskExecutor) {
      await connections.handle(value: value, logger: logger)
    }
    eventLoop.execute { ClientPresence.of(value.channel)?.watch(connection) }
    await withTaskCancellationHandler {
      await connection.value
    } onCancel: {
      connection.cancel()
    }
  }
}
