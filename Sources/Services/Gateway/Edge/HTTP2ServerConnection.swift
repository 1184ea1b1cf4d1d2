import HTTP2
import NIOCore
import NIOExtras

/// One HTTP/2 connection of a client (RFC 9113): its streams are requests, which are answered side
/// by side.
///
/// Who doesn't read holds up its own streams only. Confined to the connection's event loop.
final class HTTP2ServerConnection: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// Requests that a client may have under way.
  static let concurrentStreamsMax = 100
  /// Of requests that clients have given up, work may go on: so much of it in all.
  private static let worksMax = 2 * concurrentStreamsMax
  private static let connectionWindowBytes = 1 << 20
  private static let drainPing: UInt64 = 1
  private static let livenessPing: UInt64 = 2
  /// A client that says nothing for so long while it waits for an answer is asked whether it lives.
  private static let pingInterval = TimeAmount.seconds(30)
  private static let pingTimeout = TimeAmount.seconds(20)
  /// Until streams that the client opened before it knew that we leave have arrived.
  private static let leavingTimeout = TimeAmount.seconds(1)

  let channel: any Channel
  let session: HTTP2Session
  let timeouts: ClientTimeouts
  private let edge: EdgeAnswers
  private let isStopping: () -> Bool
  private var context: ChannelHandlerContext?
  private var budgets = PeerBudgets()
  private var works = 0
  private var isReading = false
  private var isFlushScheduled = false
  private var isClosed = false
  private var isGreeted = false
  /// The client is told to go elsewhere; then, that no further request is taken.
  private var isLeaving = false
  private var isGone = false
  /// Since when there is no request, or a header block is on its way.
  private var idleSince = NIODeadline.now()
  private var blockSince: NIODeadline?
  private var lastHeard = NIODeadline.now()
  private var pingSentAt: NIODeadline?
  private var timer: (deadline: NIODeadline, task: Scheduled<Void>)?

  /// - Throws: `HTTP2Error` when there is no memory for it.
  init(
    _ channel: any Channel, edge: EdgeAnswers, timeouts: ClientTimeouts,
    isStopping: @escaping () -> Bool
  ) throws {
    (self.channel, self.edge, self.timeouts) = (channel, edge, timeouts)
    self.isStopping = isStopping
    var limits = HTTP2Limits()
    limits.concurrentStreamsMax = Self.concurrentStreamsMax
    limits.headerListBytesMax = EdgeServer.headerListBytesMax
    limits.streamWindowBytes = RequestBody.bufferedBytesMax
    limits.connectionWindowBytes = Self.connectionWindowBytes
    // Clients lose an answer that comes with the reset of its stream (curl 7.88, httpcore).
    limits.resetsEarlyEnds = false
    session = try HTTP2Session(.server, limits)
  }

  // MARK: The channel

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    guard context.channel.isActive else { return }
    flush()
    arm()
    context.read()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    end()
    self.context = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isClosed else { return }
    isReading = true
    lastHeard = .now()
    pingSentAt = nil
    do throws(HTTP2Error) {
      try session.receive(unwrapInboundIn(data))
      handleEvents()
    } catch {
      handleEvents()
      return breakOff()
    }
    if !budgets.allows(session) { breakOff() }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    isReading = false
    if !session.isReceivingHeaderBlock {
      blockSince = nil
    } else if blockSince == nil {
      blockSince = .now()
    }
    flush()
    guard !isClosed else { return }
    arm()
    // Credit holds clients up, stream by stream.
    context.read()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let event = event as? ChannelEvent, event == .inputClosed {
      // Half a connection is none.
      context.close(promise: nil)
    } else if event is ChannelShouldQuiesceEvent {
      leave()
      flush()
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { flush() }
    context.fireChannelWritabilityChanged()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    end()
    context.fireChannelInactive()
  }

  // MARK: What comes

  private func handleEvents() {
    while let event = session.nextEvent() { handle(event) }
  }

  private func handle(_ event: HTTP2Event) {
    switch event {
    case .header(let stream, let block, let endOfStream):
      open(stream, block, endOfStream: endOfStream)
    case .data(let stream, let bytes):
      session.consumedOnConnection(bytes.readableBytes)
      guard let served = Self.served(stream) else {
        return session.consumedOnStream(stream, bytes.readableBytes)
      }
      served.receive(bytes)
    case .trailer(let stream, _), .endOfStream(let stream): Self.served(stream)?.body.finish()
    case .drained(let stream): Self.served(stream)?.becameWritable()
    case .closed(let stream, _): closed(stream)
    case .settings: isGreeted = true
    case .pingAcknowledged(let payload): if payload == Self.drainPing { leaveForGood() }
    case .interim, .ping, .goAway: break
    }
  }

  private static func served(_ stream: HTTP2Stream) -> HTTP2ServerStream? {
    stream.attachment as? HTTP2ServerStream
  }

  private func open(_ stream: HTTP2Stream, _ block: HeaderBlock, endOfStream: Bool) {
    if isStopping() { leave() }
    guard works < Self.worksMax else { return session.reset(stream, .refusedStream) }
    let head = HTTP2RequestHead(block, hasBody: !endOfStream)
    let served = HTTP2ServerStream(stream, head, on: self)
    stream.attachment = served
    if endOfStream { served.body.finish() }
    works += 1
    served.answer(
      Request(head: head.request, body: served.body, hasBody: !endOfStream), by: edge)
  }

  private func closed(_ stream: HTTP2Stream) {
    let served = Self.served(stream)
    stream.attachment = nil
    served?.vanish()
    if session.streamCount == 0 { idleSince = .now() }
  }

  /// The work for a request is over, whether or not its stream still lives.
  func workEnded() { works -= 1 }

  // MARK: What goes

  /// Writes at the end of this turn of the loop what has been submitted.
  func setNeedsFlush() {
    guard !isReading, !isFlushScheduled, !isClosed else { return }
    isFlushScheduled = true
    channel.eventLoop.assumeIsolatedUnsafeUnchecked().execute {
      self.isFlushScheduled = false
      self.flush()
    }
  }

  /// Writes what may be sent, as far as the socket takes it.
  private func flush() {
    guard let context, !isClosed else { return }
    var hasWritten = false
    while context.channel.isWritable {
      do throws(HTTP2Error) {
        try session.drain()
      } catch {
        return context.close(promise: nil)
      }
      handleEvents()
      let output = session.output
      guard output.readableBytes > 0 else { break }
      session.output = ByteBuffer()
      hasWritten = true
      context.write(wrapOutboundOut(output), promise: nil)
    }
    if hasWritten { context.flush() }
    if session.isFinished || (isGone && session.streamCount == 0) {
      context.close(promise: nil)
    }
  }

  // MARK: The end

  /// Tells the client to go elsewhere with its next request; those under way are answered.
  private func leave() {
    guard !isLeaving else { return }
    isLeaving = true
    session.announceShutdown()
    // Its answer tells that the client has seen the announcement (RFC 9113, 6.8).
    session.ping(Self.drainPing)
    channel.eventLoop.assumeIsolatedUnsafeUnchecked().scheduleTask(in: Self.leavingTimeout) {
      self.leaveForGood()
      self.flush()
    }
  }

  private func leaveForGood() {
    guard !isGone, !isClosed else { return }
    isGone = true
    session.goAway(.noError)
  }

  /// The client doesn't keep to the rules.
  private func breakOff() {
    session.terminate(.enhanceYourCalm, reason: session.lastProblem ?? "")
    isReading = false
    flush()
    context?.close(promise: nil)
  }

  private func end() {
    guard !isClosed else { return }
    isClosed = true
    timer?.task.cancel()
    timer = nil
    session.sweep()
    handleEvents()
  }

  // MARK: Time

  /// The body of this request is waited for.
  func watch(_ served: HTTP2ServerStream) {
    if let deadline = served.bodyDeadline { arm(deadline) }
  }

  private var streams: [HTTP2ServerStream] { session.liveStreams.compactMap(Self.served) }

  private func arm() { arm(nextDeadline) }

  /// When somebody has kept us waiting for too long, as far as is known now.
  private var nextDeadline: NIODeadline {
    if !isGreeted { return idleSince + TimeAmount(timeouts.requestHeadTimeout) }
    var deadline =
      session.streamCount == 0
      ? idleSince + TimeAmount(timeouts.keepAliveTimeout)
      : (pingSentAt.map { $0 + Self.pingTimeout } ?? lastHeard + Self.pingInterval)
    if let blockSince {
      deadline = min(deadline, blockSince + TimeAmount(timeouts.requestHeadTimeout))
    }
    return deadline
  }

  /// A timer that rings too early is set again when it does; only an earlier deadline moves it.
  private func arm(_ deadline: NIODeadline) {
    guard !isClosed else { return }
    if let timer, timer.deadline <= deadline { return }
    timer?.task.cancel()
    let task = channel.eventLoop.assumeIsolatedUnsafeUnchecked()
      .scheduleTask(deadline: deadline) { self.ring() }
    timer = (deadline, task)
  }

  private func ring() {
    timer = nil
    guard !isClosed else { return }
    let now = NIODeadline.now()
    for served in streams {
      guard let deadline = served.bodyDeadline else { continue }
      if deadline <= now { served.bodyIsLate() } else { arm(deadline) }
    }
    guard nextDeadline <= now else { return arm() }
    if session.streamCount > 0, isGreeted, blockSince == nil, pingSentAt == nil {
      pingSentAt = now
      session.ping(Self.livenessPing)
      flush()
      return arm()
    }
    if isGreeted, session.streamCount == 0 { session.goAway(.noError) }
    flush()
    context?.close(promise: nil)
  }
}

@available(*, unavailable)
extension HTTP2ServerConnection: Sendable {}
