import Addresses
import HTTP2
import NIOCore
import NIOHTTP1

/// One HTTP/2 connection to a provider (RFC 9113), which many exchanges share.
///
/// They are kept apart: credit for a stream is given as its own reader reads, that of the
/// connection at once, so a client that doesn't read holds nobody up; bodies leave by turns.
final class HTTP2Connection: UpstreamConnection, ChannelInboundHandler, @unchecked Sendable {
  // Sendable because what changes is touched on the event loop only.
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// More share no connection, whatever the provider allows: what ends it ends them.
  static let exchangesMax = 100
  /// With more of a body unsent than this, the client has to wait.
  private static let queuedBytesMax = 64 << 10
  /// What may come without a word for an exchange: what was under way to those that were given up,
  /// and nothing else.
  private static let strayBytesMax = 2 * UpstreamLimits.connectionWindowBytes
  private static let livenessPing: UInt64 = 1

  let origin: UpstreamPool.Origin
  let address: IPAddress?
  let channel: any Channel
  let limits: UpstreamLimits
  let report: UpstreamReport
  let session: HTTP2Session

  var context: ChannelHandlerContext?
  var exchanges: [ObjectIdentifier: HTTP2Exchange] = [:]
  /// Those for which the last read brought something.
  var fed: [HTTP2Exchange] = []
  private var budgets = PeerBudgets()
  var isClosed = false
  /// Takes no more exchanges.
  var isLeaving = false
  private var exchangeCount = 0
  var idleSince = NIODeadline.now()
  var strayBytes = 0
  private var lastHeard = NIODeadline.now()
  private var pingSentAt: NIODeadline?
  private var timer: (deadline: NIODeadline, task: Scheduled<Void>)?
  /// Why exchanges end that the end of the connection meets.
  var endError = UpstreamError.closedBeforeAnswer

  /// - Throws: `HTTP2Error` when there is no memory for it.
  init(
    to origin: UpstreamPool.Origin, address: IPAddress?, channel: any Channel,
    limits: UpstreamLimits, report: @escaping UpstreamReport
  ) throws {
    self.origin = origin
    self.address = address
    self.channel = channel
    self.limits = limits
    self.report = report
    var engine = HTTP2Limits()
    engine.headerListBytesMax = UpstreamConnector.answerHeadBytesMax
    engine.streamWindowBytes = UpstreamLimits.streamWindowBytes
    engine.connectionWindowBytes = UpstreamLimits.connectionWindowBytes
    session = try HTTP2Session(.client, engine)
  }

  // MARK: What the sender does

  func begin(
    _ head: HTTPRequestHead, body: ByteBuffer?, isComplete: Bool, watch: UpstreamWatch
  ) async -> UpstreamBeginning {
    // Nearly always here already.
    if eventLoop.inEventLoop { return start(head, body, isComplete: isComplete, watch) }
    return await withCheckedContinuation { continuation in
      eventLoop.execute {
        continuation.resume(returning: self.start(head, body, isComplete: isComplete, watch))
      }
    }
  }

  private func start(
    _ head: HTTPRequestHead, _ body: ByteBuffer?, isComplete: Bool, _ watch: UpstreamWatch
  ) -> UpstreamBeginning {
    let wasUsed = exchangeCount > 0
    guard context != nil, !isClosed, !isLeaving, !session.isClosedToRequests else {
      report(self, .exchangeEnded)
      return .dead(wasUsed: wasUsed)
    }
    let hasBody = !isComplete || (body?.readableBytes ?? 0) > 0
    // A provider that leaves other bodies unread would leave this one too.
    guard session.streamCount < session.peerConcurrentStreamsMax,
      !hasBody || session.sendWindowBytes > 0
    else {
      report(self, .exchangeEnded)
      return .full
    }
    let exchange = HTTP2Exchange(AnswerStream(from: self), watch: watch)
    guard
      let stream = try? session.request(
        HTTP2Heads.request(head), attachment: exchange, endOfStream: !hasBody)
    else {
      leave()
      report(self, .exchangeEnded)
      return .dead(wasUsed: wasUsed)
    }
    exchangeCount += 1
    exchange.stream = stream
    exchange.isRequestSent = isComplete
    exchanges[ObjectIdentifier(exchange.answer)] = exchange
    if hasBody {
      if let body { session.write(stream, body) }
      if isComplete { session.finish(stream) }
    }
    flush()
    arm(min(exchange.deadline(limits), .now() + TimeAmount(limits.pingInterval)))
    return .begun(exchange.answer, wasUsed: wasUsed)
  }

  func send(_ piece: ByteBuffer, of answer: AnswerStream) async throws(UpstreamError) {
    do {
      try await withCheckedThrowingContinuation {
        (continuation: CheckedContinuation<Void, any Error>) in
        onLoop {
          guard let exchange = self.exchange(of: answer), let stream = exchange.stream else {
            return continuation.resume(throwing: UpstreamError.closedBeforeAnswer)
          }
          exchange.progress = .now()
          self.session.write(stream, piece)
          if stream.outboundBytes > Self.queuedBytesMax {
            stream.notifyWhenDrained = true
            exchange.writer = continuation
            self.arm(exchange.deadline(self.limits))
          } else {
            continuation.resume()
          }
          self.flush()
        }
      }
    } catch {
      throw UpstreamError(onConnection: error)
    }
  }

  func finishRequest(of answer: AnswerStream) {
    onLoop {
      guard let exchange = self.exchange(of: answer), let stream = exchange.stream else { return }
      exchange.isRequestSent = true
      exchange.progress = .now()
      self.session.finish(stream)
      self.flush()
      self.arm(exchange.deadline(self.limits))
    }
  }

  func readMore(of answer: AnswerStream) {
    onLoop {
      guard let exchange = self.exchange(of: answer), let stream = exchange.stream else { return }
      exchange.isReading = true
      exchange.progress = .now()
      self.session.consumedOnStream(stream, exchange.takeOwed())
      self.flush()
      self.arm(exchange.deadline(self.limits))
    }
  }

  func abort(_ answer: AnswerStream) {
    onLoop {
      guard let exchange = self.exchange(of: answer) else { return }
      self.fail(exchange, .closedBeforeAnswer, reset: .cancel)
      self.flush()
    }
  }

  func close() {
    onLoop { self.context?.close(promise: nil) }
  }

  func exchange(of answer: AnswerStream) -> HTTP2Exchange? {
    exchanges[ObjectIdentifier(answer)]
  }

  // MARK: The channel

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    flush()
    arm(idleSince + TimeAmount(limits.connectionIdleTimeout))
    context.read()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    end()
    self.context = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isClosed else { return }
    let bytes = unwrapInboundIn(data)
    lastHeard = .now()
    if pingSentAt.take() != nil { arm(lastHeard + TimeAmount(limits.pingInterval)) }
    strayBytes += bytes.readableBytes
    do throws(HTTP2Error) {
      try session.receive(bytes)
      handleEvents()
    } catch {
      handleEvents()
      return breakOff(session.lastProblem ?? "\(error)")
    }
    guard budgets.allows(session), strayBytes <= Self.strayBytesMax else {
      breakOff("a flood of frames that nobody asked for")
      return
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    for exchange in fed { deliver(exchange) }
    fed.removeAll(keepingCapacity: true)
    flush()
    if !isClosed { context.read() }
  }

  // MARK: The connection

  /// No new exchanges; those under way go on.
  func leave() {
    guard !isLeaving else { return }
    isLeaving = true
    report(self, .exchangesMax(0))
  }

  /// The provider doesn't keep to the rules.
  private func breakOff(_ problem: String) {
    endError = .malformedAnswer(problem)
    leave()
    session.terminate(.protocolError)
    flush()
    context?.close(promise: nil)
  }

  /// Writes what may be sent, as far as the socket takes it.
  func flush() {
    guard let context, !isClosed else { return }
    var hasWritten = false
    while context.channel.isWritable {
      do throws(HTTP2Error) {
        try session.drain()
      } catch {
        endError = .malformedAnswer("\(error)")
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
    if session.isFinished, !exchanges.isEmpty {
      // nghttp2 has said why in its GOAWAY.
      endError = .malformedAnswer(session.lastProblem ?? "HTTP/2 connection error")
    }
    if session.isFinished || (isLeaving && session.streamCount == 0) {
      context.close(promise: nil)
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { flush() }
    context.fireChannelWritabilityChanged()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    endError = UpstreamError(onConnection: error)
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    end()
  }

  private func end() {
    guard !isClosed else { return }
    // What has arrived counts.
    handleEvents()
    // Before the exchanges end: their places here are worth nothing.
    leave()
    isClosed = true
    timer?.task.cancel()
    timer = nil
    session.sweep()
    handleEvents()
    report(self, .closed)
  }

  // MARK: Time

  func arm(_ deadline: NIODeadline) {
    guard !isClosed else { return }
    if let timer, timer.deadline <= deadline { return }
    timer?.task.cancel()
    timer = (deadline, eventLoop.scheduleTask(deadline: deadline) { self.ring() })
  }

  private func ring() {
    timer = nil
    guard !isClosed else { return }
    let now = NIODeadline.now()
    guard !exchanges.isEmpty else {
      let idleEnd = idleSince + TimeAmount(limits.connectionIdleTimeout)
      guard idleEnd <= now else { return arm(idleEnd) }
      leave()
      session.goAway(.noError)
      return flush()
    }
    guard checkLife(now) else { return }
    var next =
      (pingSentAt.map { $0 + TimeAmount(limits.pingTimeout) })
      ?? (lastHeard + TimeAmount(limits.pingInterval))
    for exchange in Array(exchanges.values) {
      if !exchange.isWaitingForProvider { exchange.progress = now }
      let deadline = exchange.deadline(limits)
      if deadline <= now {
        fail(exchange, .answerTimeout, reset: .cancel)
      } else {
        next = min(next, deadline)
      }
    }
    flush()
    if !exchanges.isEmpty { arm(next) }
  }

  /// Asks a silent connection whether it lives; false when it didn't say so in time.
  private func checkLife(_ now: NIODeadline) -> Bool {
    if let pingSentAt {
      guard pingSentAt + TimeAmount(limits.pingTimeout) <= now else { return true }
      context?.close(promise: nil)
      return false
    }
    if lastHeard + TimeAmount(limits.pingInterval) <= now {
      pingSentAt = now
      session.ping(Self.livenessPing)
    }
    return true
  }
}
