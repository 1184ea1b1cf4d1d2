import NIOCore
import NIOHTTP1

/// Closes connections of clients that are too slow: one byte every few seconds would otherwise hold
/// a connection, its buffers and a task for hours.
///
/// Time counts only while the gateway wants to read: a provider that takes its time is not the
/// client's fault. Confined to the connection's event loop.
final class RequestPace: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  private enum Reading {
    /// Between requests.
    case nothing(since: NIODeadline)
    case head(since: NIODeadline)
    case body
  }

  private let timeouts: ClientTimeouts
  private var reading = Reading.nothing(since: .now())
  /// Requests that have begun and are not answered yet.
  private var requestsInProgress = 0
  private var hasServed = false
  private var body: BodyWait
  /// Whether a part came since the last `channelReadComplete`.
  private var hasReadPart = false
  private var timer: (deadline: NIODeadline, task: Scheduled<Void>)?
  private var context: ChannelHandlerContext?

  init(_ timeouts: ClientTimeouts) {
    self.timeouts = timeouts
    body = BodyWait(timeouts)
  }

  /// Gives the request that is being answered the time of a body for a provider.
  func allowProxiedBody() {
    // With more of them, the body that is being read belongs to a later one.
    guard requestsInProgress == 1 else { return }
    body.isProxied = true
    if let context { arm(context) }
  }

  // MARK: What comes

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    arm(context)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
  }

  func channelActive(context: ChannelHandlerContext) {
    reading = .nothing(since: .now())
    arm(context)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    timer?.task.cancel()
    timer = nil
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    hasReadPart = true
    switch unwrapInboundIn(data) {
    case .head:
      requestsInProgress += 1
      reading = .body
      body = BodyWait(timeouts)
      body.begin()
    case .body(let bytes): body.received(bytes.readableBytes)
    case .end: reading = .nothing(since: .now())
    }
    context.fireChannelRead(data)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    // Bytes without a part are a piece of a head.
    if !hasReadPart, case .nothing = reading { reading = .head(since: .now()) }
    hasReadPart = false
    arm(context)
    context.fireChannelReadComplete()
  }

  /// The gateway wants more: from now on the client is waited for.
  func read(context: ChannelHandlerContext) {
    if case .body = reading {
      body.begin()
      arm(context)
    }
    context.read()
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if case .end = unwrapOutboundIn(data) {
      requestsInProgress -= 1
      hasServed = true
      switch reading {
      case .nothing: reading = .nothing(since: .now())
      case .head: reading = .head(since: .now())
      case .body: break
      }
      arm(context)
    }
    context.write(data, promise: promise)
  }

  // MARK: The timer

  private var deadline: NIODeadline? {
    switch reading {
    // Nobody waits for the next request while one is answered.
    case .nothing where requestsInProgress > 0, .head where requestsInProgress > 0: nil
    case .nothing(let since):
      since + TimeAmount(hasServed ? timeouts.keepAliveTimeout : timeouts.requestHeadTimeout)
    case .head(let since): since + TimeAmount(timeouts.requestHeadTimeout)
    case .body: body.deadline
    }
  }

  /// A timer that rings too early is set again when it does; only an earlier deadline moves it.
  private func arm(_ context: ChannelHandlerContext) {
    guard context.channel.isActive, let deadline else { return }
    if let timer, timer.deadline <= deadline { return }
    timer?.task.cancel()
    let task = context.eventLoop.assumeIsolatedUnsafeUnchecked().scheduleTask(deadline: deadline) {
      self.timer = nil
      self.ring(context)
    }
    timer = (deadline, task)
  }

  private func ring(_ context: ChannelHandlerContext) {
    guard let deadline else { return }
    guard deadline <= .now() else { return arm(context) }
    guard case .body = reading else { return context.close(promise: nil) }
    reading = .nothing(since: .now())
    // Whoever reads the body gets the error and can still answer; then the connection goes.
    context.fireErrorCaught(RequestPaceError.bodyTooSlow)
    context.eventLoop.assumeIsolatedUnsafeUnchecked().scheduleTask(
      in: TimeAmount(timeouts.farewellTimeout)
    ) { context.close(promise: nil) }
  }
}

@available(*, unavailable)
extension RequestPace: Sendable {}
