import Addresses
import NIOCore
import NIOHTTP1
import Networking

/// One HTTP/1.1 connection to a provider, with one exchange at a time.
///
/// It reads only what somebody wants to have, and watches the time while the provider is waited
/// for: neither a client that reads slowly nor one that sends slowly counts.
final class HTTP1Connection: UpstreamConnection, ChannelInboundHandler, @unchecked Sendable {
  // Sendable because what changes is touched on the event loop only.
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  static let exchangesMax = 1

  private struct Exchange {
    let stream: AnswerStream
    let watch: UpstreamWatch
    var interimCount = 0
    var isRequestSent = false
    /// Whether the provider may switch to what the request offers.
    var offersUpgrade = false
    var hasHead = false
    var keepsAlive = false
    /// Whether the reader wants more than what was read.
    var isReading = true
    /// When the provider last did something, or was last asked for something.
    var progress = NIODeadline.now()
  }

  let origin: UpstreamPool.Origin
  let address: IPAddress?
  let channel: any Channel
  private let limits: UpstreamLimits
  private let report: UpstreamReport

  private var context: ChannelHandlerContext?
  private var exchange: Exchange?
  private var pieces: [ByteBuffer] = []
  private var isClosed = false
  /// Whether HTTP has ended here (RFC 9110, 7.8).
  private var isSwitched = false
  private var exchangeCount = 0
  private var idleSince = NIODeadline.now()
  private var idleMax: TimeAmount
  private var timer: (deadline: NIODeadline, task: Scheduled<Void>)?
  /// Waits for room in the channel's buffer.
  private var writer: CheckedContinuation<Void, any Error>?

  init(
    to origin: UpstreamPool.Origin, address: IPAddress?, channel: any Channel,
    limits: UpstreamLimits, report: @escaping UpstreamReport
  ) {
    self.origin = origin
    self.address = address
    self.channel = channel
    self.limits = limits
    self.report = report
    idleMax = TimeAmount(limits.connectionIdleTimeout)
  }

  // MARK: What the sender does

  func begin(
    _ head: HTTPRequestHead, body: ByteBuffer?, isComplete: Bool, watch: UpstreamWatch
  ) async -> UpstreamBeginning {
    let stream = AnswerStream(from: self)
    // Nearly always here already.
    if eventLoop.inEventLoop {
      return begin(stream, head, body, isComplete: isComplete, watch: watch)
    }
    return await withCheckedContinuation { continuation in
      eventLoop.execute {
        continuation.resume(
          returning: self.begin(stream, head, body, isComplete: isComplete, watch: watch))
      }
    }
  }

  private func begin(
    _ stream: AnswerStream, _ head: HTTPRequestHead, _ body: ByteBuffer?, isComplete: Bool,
    watch: UpstreamWatch
  ) -> UpstreamBeginning {
    let wasUsed = exchangeCount > 0
    guard let context, !isClosed, context.channel.isActive else { return .dead(wasUsed: wasUsed) }
    exchangeCount += 1
    exchange = Exchange(
      stream: stream, watch: watch, isRequestSent: isComplete,
      offersUpgrade: !head.headers["upgrade"].isEmpty)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if let body, body.readableBytes > 0 {
      context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    }
    if isComplete { context.write(wrapOutboundOut(.end(nil)), promise: nil) }
    context.flush()
    context.read()
    arm()
    return .begun(stream, wasUsed: wasUsed)
  }

  func send(_ piece: ByteBuffer, of stream: AnswerStream) async throws(UpstreamError) {
    do {
      try await withCheckedThrowingContinuation {
        (continuation: CheckedContinuation<Void, any Error>) in
        onLoop {
          guard let context = self.context, !self.isClosed, self.exchange?.stream === stream else {
            return continuation.resume(throwing: UpstreamError.closedBeforeAnswer)
          }
          context.writeAndFlush(self.wrapOutboundOut(.body(.byteBuffer(piece))), promise: nil)
          self.exchange?.progress = .now()
          if context.channel.isWritable || self.isClosed {
            continuation.resume()
          } else {
            self.writer = continuation
            self.arm()
          }
        }
      }
    } catch {
      throw UpstreamError(onConnection: error)
    }
  }

  func finishRequest(of stream: AnswerStream) {
    onLoop {
      guard let context = self.context, self.exchange?.stream === stream else { return }
      context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
      self.exchange?.isRequestSent = true
      self.exchange?.progress = .now()
      self.arm()
    }
  }

  /// Leaves the connection to `end`, after the provider has switched to another protocol: also the
  /// bytes that came behind its answer.
  func hand(to end: TunnelEnd) async throws {
    try await eventLoop.submit {
      let pipeline = self.channel.pipeline.syncOperations
      let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPResponseDecoder>.self)
      // What the decoder still has goes to `end`.
      try pipeline.addHandler(end, position: .after(decoder))
      let encoder = try pipeline.handler(type: HTTPRequestEncoder.self)
      return pipeline.removeHandler(encoder).and(pipeline.removeHandler(decoder))
        .map { _ in end.start() }
    }
    .flatMap { $0 }.get()
  }

  func close() {
    onLoop { self.context?.close(promise: nil) }
  }

  /// An exchange can't be ended without its connection.
  func abort(_ stream: AnswerStream) {
    onLoop {
      guard self.exchange?.stream === stream else { return }
      self.context?.close(promise: nil)
    }
  }

  // MARK: What comes

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    end()
    self.context = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isSwitched else { return }
    guard exchange != nil else {
      // Nobody asked for anything: not a connection to send a key on.
      return context.close(promise: nil)
    }
    switch unwrapInboundIn(data) {
    case .head(let head): receive(head, context)
    case .body(let piece): pieces.append(piece)
    case .end(let trailers):
      deliver()
      guard (try? trailers?.checkText()) != nil || trailers == nil else {
        fail(.brokenOff)
        return context.close(promise: nil)
      }
      finish(trailers, context)
    }
  }

  private func receive(_ head: HTTPResponseHead, _ context: ChannelHandlerContext) {
    if head.status == .switchingProtocols, exchange?.offersUpgrade == true {
      isSwitched = true
      exchange?.hasHead = true
      exchange?.stream.receive(head)
      return
    }
    if (100...199).contains(head.status.code), head.status != .switchingProtocols {
      return receive(interim: head, context)
    }
    // Nobody asked for 101.
    guard (200...999).contains(head.status.code) else {
      fail(.malformedAnswer("status \(head.status.code)"))
      return context.close(promise: nil)
    }
    do throws(UpstreamError) {
      try head.headers.checkText()
    } catch {
      fail(error)
      return context.close(promise: nil)
    }
    exchange?.hasHead = true
    exchange?.keepsAlive = head.isKeepAlive
    idleMax = Self.idleMax(head.headers, atMost: limits.connectionIdleTimeout)
    exchange?.stream.receive(head)
  }

  private func receive(interim head: HTTPResponseHead, _ context: ChannelHandlerContext) {
    guard exchange?.hasHead == false else { return }
    exchange?.interimCount += 1
    guard let exchange, exchange.interimCount <= UpstreamWatch.interimAnswersMax else {
      fail(.malformedAnswer("more than \(UpstreamWatch.interimAnswersMax) interim answers"))
      return context.close(promise: nil)
    }
    // 100 is about the body, which we send without waiting.
    if head.status != .continue { exchange.watch.onInterim(head) }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    deliver()
    guard exchange != nil, !isSwitched else { return }
    exchange?.progress = .now()
    arm()
    if exchange?.isReading == true { context.read() }
  }

  private func deliver() {
    guard !pieces.isEmpty, let stream = exchange?.stream else { return }
    exchange?.isReading = stream.receive(pieces)
    pieces.removeAll(keepingCapacity: pieces.count <= 4)
  }

  func readMore(of stream: AnswerStream) {
    onLoop {
      guard let exchange = self.exchange, exchange.stream === stream, !exchange.isReading else {
        return
      }
      self.exchange?.isReading = true
      self.exchange?.progress = .now()
      self.context?.read()
      self.arm()
    }
  }

  /// The answer is complete: the connection waits for its next exchange, or goes.
  private func finish(_ trailers: HTTPHeaders?, _ context: ChannelHandlerContext) {
    guard let exchange = exchange.take() else { return }
    // A request that isn't wanted to its end can't be followed by another. Behind an offer that
    // was not taken servers go on reading HTTP (RFC 9110, 7.8), but not all of them.
    let isReusable =
      exchange.isRequestSent && exchange.keepsAlive && idleMax > .zero && !exchange.offersUpgrade
    if isReusable {
      idleSince = .now()
      arm()
      // Or the provider's goodbye would go unnoticed.
      context.read()
      // Before the reader knows: its next request finds the connection.
      report(self, .exchangeEnded)
    }
    exchange.stream.finish(trailers)
    if !isReusable { context.close(promise: nil) }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    exchange?.progress = .now()
    if context.channel.isWritable { writer.take()?.resume() }
    context.fireChannelWritabilityChanged()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch error {
    case HTTPParserError.invalidEOFState: fail(.brokenOff)
    default: fail(UpstreamError(onConnection: error))
    }
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    end()
  }

  private func fail(_ error: UpstreamError) {
    deliver()
    guard let exchange = exchange.take() else { return }
    exchange.stream.fail(exchange.hasHead ? .brokenOff : error)
  }

  private func end() {
    guard !isClosed else { return }
    isClosed = true
    timer?.task.cancel()
    timer = nil
    fail(.closedBeforeAnswer)
    writer.take()?.resume(throwing: UpstreamError.closedBeforeAnswer)
    report(self, .closed)
  }

  // MARK: Time

  /// When the connection has to be given up if nothing happens.
  private var deadline: NIODeadline {
    guard let exchange else { return idleSince + idleMax }
    if exchange.isRequestSent, !exchange.hasHead {
      return exchange.progress + TimeAmount(limits.answerTimeout)
    }
    return exchange.progress + TimeAmount(limits.idleTimeout)
  }

  /// Whether it is the provider who is waited for.
  private var isWaitingForProvider: Bool {
    guard let exchange else { return true }
    if !exchange.isRequestSent, writer == nil, !exchange.hasHead { return false }
    return exchange.isReading || writer != nil
  }

  private func arm() {
    let deadline = deadline
    if let timer, timer.deadline <= deadline { return }
    timer?.task.cancel()
    timer = (deadline, eventLoop.scheduleTask(deadline: deadline) { self.ring() })
  }

  private func ring() {
    timer = nil
    guard !isClosed, !isSwitched else { return }
    if !isWaitingForProvider { exchange?.progress = .now() }
    guard deadline <= .now() else { return arm() }
    if exchange?.hasHead == false { fail(.answerTimeout) }
    context?.close(promise: nil)
  }

  /// As long as the provider says that it keeps connections, less a moment for the way.
  private static func idleMax(_ headers: HTTPHeaders, atMost limit: Duration) -> TimeAmount {
    let own = TimeAmount(limit)
    for value in headers[canonicalForm: "keep-alive"] {
      let pair = value.utf8.split(separator: UInt8(ascii: "="), maxSplits: 1)
      guard pair.count == 2, pair[0].elementsEqual("timeout".utf8),
        let seconds = Int64(String(Substring(pair[1].prefix(9))))
      else { continue }
      return min(own, .seconds(max(0, seconds - 1)))
    }
    return own
  }
}
