import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes

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
    let connection = Task(executorPreference: EventLoopExecutor(eventLoop)) {
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

/// Runs the jobs of tasks on one event loop.
final class EventLoopExecutor: TaskExecutor {
  private let eventLoop: any EventLoop

  init(_ eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}
