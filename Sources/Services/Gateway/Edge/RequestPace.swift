import NIOCore
import NIOHTTPTypes

/// How long clients may keep the gateway waiting.
package struct ClientTimeouts: Sendable {
  /// From a connection's start, or the first byte of a later request, to the end of the head.
  package var requestHeadTimeout: Duration = .seconds(10)
  /// How long a connection is kept without a request.
  package var keepAliveTimeout: Duration = .seconds(75)
  /// What the body of a page's form or of the JSON API may take in all.
  package var bodyTimeout: Duration = .seconds(15)
  /// How long a body for a provider may be silent, and what it may take before its bytes count.
  package var proxiedBodyTimeout: Duration = .seconds(30)
  /// The least rate of such a body: each of these many bytes gives it another second.
  package var proxiedBodyBytesPerSecondMin = 1_024
  /// What a client that was too slow has to read the answer that says so.
  package var farewellTimeout: Duration = .seconds(2)

  package init() {}
}

/// Why a request's body ends early.
enum RequestPaceError: Error {
  case bodyTooSlow
}

/// Closes connections of clients that are too slow: one byte every few seconds would otherwise hold
/// a connection, its buffers and a task for hours.
///
/// Time counts only while the gateway wants to read: a provider that takes its time is not the
/// client's fault. Confined to the connection's event loop.
final class RequestPace: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

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

  /// The handler of `channel`; nil off its event loop or where there is none.
  static func of(_ channel: any Channel) -> RequestPace? {
    guard channel.eventLoop.inEventLoop else { return nil }
    return try? channel.pipeline.syncOperations.handler(type: RequestPace.self)
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

/// How long one body has been waited for, and how long it may be.
private struct BodyWait {
  var isProxied = false
  private let timeouts: ClientTimeouts
  private var waited = TimeAmount.zero
  private var since: NIODeadline?
  private var byteCount = 0

  init(_ timeouts: ClientTimeouts) {
    self.timeouts = timeouts
  }

  /// Nil while nobody waits.
  var deadline: NIODeadline? {
    guard let since else { return nil }
    guard isProxied else { return since + (TimeAmount(timeouts.bodyTimeout) - waited) }
    let silence = TimeAmount(timeouts.proxiedBodyTimeout)
    let earned = TimeAmount.seconds(Int64(byteCount / timeouts.proxiedBodyBytesPerSecondMin))
    return since + min(silence, silence + earned - waited)
  }

  mutating func begin() {
    since = since ?? .now()
  }

  mutating func received(_ count: Int) {
    byteCount += count
    guard let since else { return }
    waited = waited + (.now() - since)
    self.since = nil
  }
}
