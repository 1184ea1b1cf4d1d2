import Glibc
package import Logging
package import NIOCore

/// Stops a listening socket from accepting while it has as many connections as it may, or while the
/// process has no descriptors left; whoever comes then waits in the kernel's queue.
///
/// Belongs in the pipeline of the *listening* channel. NIO alone would ask again at once, for
/// ever: accept(2) that fails leaves the socket readable.
package final class ConnectionLimit: ChannelInboundHandler, @unchecked Sendable {
  // Sendable because everything happens on the listener's loop.
  package typealias InboundIn = any Channel
  package typealias InboundOut = any Channel

  /// Until accept is tried again after it has failed: descriptors may come free elsewhere.
  private static let retryInterval = TimeAmount.seconds(1)
  /// Between two lines in the log that say the same.
  private static let logInterval = TimeAmount.seconds(60)
  /// What accept(2) says when the process, or the machine, has too much open.
  private static let exhaustion: Set<CInt> = [EMFILE, ENFILE, ENOBUFS, ENOMEM]

  private let connectionsMax: Int
  private let logger: Logger
  private var channel: (any Channel)?
  private var openCount = 0
  private var isPaused = false
  private var retry: Scheduled<Void>?
  private var lastLogged: NIODeadline?

  /// A few more than `connectionsMax` may be accepted, as accept(2) is called several times at
  /// once.
  package init(connectionsMax: Int, logger: Logger) {
    self.connectionsMax = max(1, connectionsMax)
    self.logger = logger
  }

  package func handlerAdded(context: ChannelHandlerContext) {
    channel = context.channel
  }

  package func handlerRemoved(context: ChannelHandlerContext) {
    retry?.cancel()
    channel = nil
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    openCount += 1
    let eventLoop = context.eventLoop
    unwrapInboundIn(data).closeFuture.hop(to: eventLoop).whenComplete { _ in
      self.openCount -= 1
      self.resume()
    }
    if openCount >= connectionsMax { pause("there are as many connections as may be") }
    context.fireChannelRead(data)
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard let error = error as? IOError, Self.exhaustion.contains(error.errnoCode) else {
      return context.fireErrorCaught(error)
    }
    pause("\(error)")
    retry?.cancel()
    retry = context.eventLoop.scheduleTask(in: Self.retryInterval) { self.resume() }
  }

  private func pause(_ reason: String) {
    guard !isPaused else { return }
    isPaused = true
    try? channel?.syncOptions?.setOption(.autoRead, value: false)
    let now = NIODeadline.now()
    if let lastLogged, now - lastLogged < Self.logInterval { return }
    lastLogged = now
    logger.warning(
      "no more connections are accepted until some end",
      metadata: [
        "reason": "\(reason)", "connections": "\(openCount)", "connectionsMax": "\(connectionsMax)",
      ])
  }

  private func resume() {
    guard isPaused, openCount < connectionsMax else { return }
    isPaused = false
    try? channel?.syncOptions?.setOption(.autoRead, value: true)
  }
}

/// How many files, sockets and the like this process may have open (RLIMIT_NOFILE).
package enum DescriptorLimit {
  /// What a process needs besides its clients' connections: files, event loops, connections that it
  /// makes itself.
  private static let reserve = 128

  /// Raises the limit as far as the process may, and returns it.
  ///
  /// The usual limit is low only for the sake of programs that call select(2).
  @discardableResult
  package static func raise() -> Int {
    var limit = read()
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return current
  }

  /// The limit as it is.
  package static var current: Int { Int(clamping: read().rlim_cur) }

  /// How many clients may be connected, each of which needs so many descriptors, at most `wanted`.
  package static func connectionsMax(_ wanted: Int, descriptorsEach: Int = 1) -> Int {
    // At least half, where the limit is so low that the reserve would take all of it.
    let limit = current
    return max(1, min(wanted, max(limit - reserve, limit / 2) / max(1, descriptorsEach)))
  }

  private static func read() -> rlimit {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return limit
  }
}
