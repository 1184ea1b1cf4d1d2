import HTTPTypes
import NIOCore
import NIOHTTP1

/// What HTTP/1 asks of a server beyond parsing: requests that can't be answered as they are get an
/// answer that says why, `100 Continue` goes out in time, HTTP/1.0 gets what it understands, and a
/// connection ends when it must.
///
/// A request that is refused becomes a short one, without a body, that the responder answers in its
/// turn with the refusal; what comes behind it on the connection is not looked at. Confined to the
/// connection's event loop.
final class ConnectionRules: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  /// What the answer to one request must heed.
  private struct Terms {
    var isHTTP10 = false
    var isHEAD = false
    /// Whether the connection goes on behind the answer.
    var keepsConnection = false
    /// Whether the client waits for `100 Continue` with its body.
    var awaitsContinue = false
    /// Whether the answer may be that the connection is another protocol's now.
    var isHandshake = false
    var refusal: Problem?
  }

  private enum Intake {
    case head
    case body(UpgradeOffer)
    /// Nothing more is taken from the client.
    case nothing
  }

  /// Of the message, not of its data.
  private static let framingFields = [
    "connection", "content-length", "expect", "host", "transfer-encoding", "upgrade",
  ]

  private let decoder: RequestDecoder
  private let isStopping: () -> Bool
  private var intake = Intake.head
  /// Of requests that are not answered yet, oldest first: the first is being answered, the last may
  /// still be on its way here.
  private var terms = CircularBuffer<Terms>()
  private var hasAnswerBegun = false
  private var context: ChannelHandlerContext?

  /// Whether the last answer of this connection is out.
  private(set) var isClosing = false

  /// - Parameter isStopping: whether a client is told to come with its next request elsewhere.
  init(_ decoder: RequestDecoder, isStopping: @escaping () -> Bool = { false }) {
    self.decoder = decoder
    self.isStopping = isStopping
  }

  /// Why the request that is to be answered is refused; nil when it isn't.
  var refusal: Problem? { terms.first?.refusal }

  /// Somebody wants the body of the request that is being answered: tells a client that waits for
  /// this, unless the answer has begun or the body has.
  func askForBody() {
    guard let context, terms.first?.awaitsContinue == true, !hasAnswerBegun else { return }
    terms[terms.startIndex].awaitsContinue = false
    let head = HTTPResponseHead(version: .http1_1, status: .continue)
    context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
  }

  /// Tells the client what comes before its answer, unless that has begun, or the client doesn't
  /// know such answers (RFC 9110, 15.2) or is behind with reading.
  func tell(_ interim: HTTPResponseHead) {
    guard let context, terms.first?.isHTTP10 == false, !hasAnswerBegun, context.channel.isWritable
    else { return }
    context.writeAndFlush(wrapOutboundOut(.head(interim)), promise: nil)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
  }

  // MARK: What comes

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch (unwrapInboundIn(data), intake) {
    case (.head(let head), .head): admit(head, data, context)
    case (.body, .body):
      // A client that doesn't wait needs no word.
      if !terms.isEmpty { terms[terms.index(before: terms.endIndex)].awaitsContinue = false }
      context.fireChannelRead(data)
    case (.end, .body(let offer)):
      // A handshake is left open: behind it comes HTTP again or something else, as its answer says.
      if case .stopsDecoder = offer, terms.last?.isHandshake == false { decoder.passOverOffer() }
      let isLast = isClosing || terms.last?.keepsConnection == false
      intake = isLast ? .nothing : .head
      context.fireChannelRead(data)
    default: break
    }
  }

  private func admit(_ head: HTTPRequestHead, _ data: NIOAny, _ context: ChannelHandlerContext) {
    do throws(Problem) {
      try RequestRules.check(head)
      let awaitsContinue = try RequestRules.expectsContinue(head)
      let offer = UpgradeOffer(head)
      var keepsConnection = head.isKeepAlive
      if case .unclear = offer { keepsConnection = false }
      let isHandshake = WebSocketHandshake.isMade(by: head)
      // If nothing comes of it, the decoder has stopped for good.
      if isHandshake { keepsConnection = false }
      terms.append(
        Terms(
          isHTTP10: head.isHTTP10, isHEAD: head.method == .HEAD, keepsConnection: keepsConnection,
          awaitsContinue: awaitsContinue, isHandshake: isHandshake))
      intake = .body(offer)
      context.fireChannelRead(data)
    } catch {
      refuse(error, head, context)
    }
  }

  private func refuse(
    _ problem: Problem, _ head: HTTPRequestHead?, _ context: ChannelHandlerContext
  ) {
    intake = .nothing
    terms.append(
      Terms(
        isHTTP10: head?.isHTTP10 ?? false, isHEAD: head?.method == .HEAD, refusal: problem))
    var headers = head?.headers ?? [:]
    for name in Self.framingFields { headers.remove(name: name) }
    let stand = HTTPRequestHead(
      version: .http1_1, method: head?.method ?? .GET, uri: head?.uri ?? "/", headers: headers)
    context.fireChannelRead(wrapInboundOut(.head(stand)))
    context.fireChannelRead(wrapInboundOut(.end(nil)))
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard let error = error as? HTTPParserError else {
      // The decoder repeats its error for whatever else comes.
      if !(error is ByteToMessageDecoderError) { context.fireErrorCaught(error) }
      return
    }
    switch intake {
    case .nothing: break
    case .head where error == .invalidEOFState: intake = .nothing
    case .head: refuse(RequestRules.problem(error), nil, context)
    case .body:
      intake = .nothing
      if !terms.isEmpty { terms[terms.index(before: terms.endIndex)].keepsConnection = false }
      context.fireErrorCaught(RequestBodyError.malformed)
    }
  }

  // MARK: What goes

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(var head) where head.status.code >= 200:
      hasAnswerBegun = true
      heed(&head)
      context.write(wrapOutboundOut(.head(head)), promise: promise)
    case .end:
      hasAnswerBegun = false
      guard terms.popFirst()?.keepsConnection == false else {
        return context.write(data, promise: promise)
      }
      writeLast(data, promise ?? context.eventLoop.makePromise(), context)
    default: context.write(data, promise: promise)
    }
  }

  private func heed(_ head: inout HTTPResponseHead) {
    guard var terms = terms.first else { return }
    // A client that has sent no body so far may send it, or not.
    if terms.awaitsContinue || !head.isKeepAlive || isStopping() { terms.keepsConnection = false }
    if terms.isHTTP10 {
      // No chunks then (RFC 9112, 6.1): the end of an answer of unknown length is the connection's.
      head.version = .http1_0
      let endsByItself =
        terms.isHEAD || !head.status.mayHaveResponseBody
        || !head.headers["content-length"].isEmpty
      if !endsByItself { terms.keepsConnection = false }
    }
    if !terms.keepsConnection {
      head.headers.replaceOrAdd(name: "connection", value: "close")
    } else if terms.isHTTP10 {
      head.headers.replaceOrAdd(name: "connection", value: "keep-alive")
    }
    self.terms[self.terms.startIndex] = terms
  }

  /// Closes our side only, so that a client that still sends gets to read the answer.
  private func writeLast(
    _ data: NIOAny, _ promise: EventLoopPromise<Void>, _ context: ChannelHandlerContext
  ) {
    isClosing = true
    if case .head = intake { intake = .nothing }
    promise.futureResult.assumeIsolatedUnsafeUnchecked().whenComplete { _ in
      context.close(mode: .output, promise: nil)
    }
    context.write(data, promise: promise)
  }
}

@available(*, unavailable)
extension ConnectionRules: Sendable {}
