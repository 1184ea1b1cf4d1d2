import HTTPTypes
import NIOCore
import NIOExtras
import NIOHTTP1
import NIOHTTPTypesHTTP1
import Networking

/// The requests of one HTTP/1 connection and their answers, one after the other (RFC 9112, 9.3.2);
/// the last handler of its pipeline.
///
/// The client is read while it may be of use: for the body that is wanted, for the next request,
/// and to notice that it leaves. One that doesn't read its answers gets no further ones, however
/// many requests it has sent. Confined to the connection's event loop.
final class HTTP1ServerConnection: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let edge: EdgeAnswers
  private let isSecure: Bool
  let rules: ConnectionRules
  let pace: RequestPace
  private var context: ChannelHandlerContext?
  /// The request that is being answered.
  private var current: HTTP1ServerStream?
  /// The request whose body is on its way here.
  private var receiving: HTTP1ServerStream?
  /// Requests that came before the answer to the one before them (pipelining).
  private var waiting = CircularBuffer<(HTTP1ServerStream, Request)>(initialCapacity: 1)
  private var hasInputEnded = false
  private var isStopping = false
  private var isReading = false
  /// Answers whose last bytes have not left yet.
  private var unsentAnswers = 0

  init(_ edge: EdgeAnswers, rules: ConnectionRules, pace: RequestPace, isSecure: Bool) {
    (self.edge, self.rules, self.pace, self.isSecure) = (edge, rules, pace, isSecure)
  }

  // MARK: What comes

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { context.read() }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
  }

  func channelActive(context: ChannelHandlerContext) {
    context.fireChannelActive()
    context.read()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    isReading = true
    switch unwrapInboundIn(data) {
    case .head(let head): receive(head, context)
    case .body(let bytes): receiving?.body.receive(bytes)
    case .end:
      receiving?.body.finish()
      receiving = nil
    }
  }

  private func receive(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    let stream = HTTP1ServerStream(self, context.channel)
    // A method that is no token gets through no decoder.
    guard let method = try? HTTPRequest.Method(head.method) else {
      return context.close(promise: nil)
    }
    let length = head.headers["content-length"].first
    let request = Request(
      head: HTTPRequest(
        method: method, scheme: isSecure ? "https" : "http",
        authority: head.headers["host"].first, path: head.uri,
        headerFields: HTTPFields(head.headers, splitCookie: false)),
      body: stream.body,
      hasBody: length.map { $0 != "0" } ?? !head.headers["transfer-encoding"].isEmpty)
    receiving = stream
    waiting.append((stream, request))
    answerNext()
  }

  /// Begins the next answer when it is its turn.
  private func answerNext() {
    guard let context, current == nil, context.channel.isWritable,
      let (stream, request) = waiting.popFirst()
    else { return }
    current = stream
    stream.answer(request, by: edge)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    isReading = false
    readIfWanted()
  }

  /// Reads on while somebody has a use for it.
  func readIfWanted() {
    guard let context, !isReading, !hasInputEnded, waiting.isEmpty,
      receiving?.body.isFull != true
    else { return }
    context.read()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch error {
    case is RequestBodyError, is RequestPaceError: receiving?.body.fail(error)
    default: context.close(promise: nil)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let event = event as? ChannelEvent, event == .inputClosed {
      hasInputEnded = true
      receiving?.body.fail(RequestBodyError.malformed)
      current?.clientLeft()
      closeIfOver()
    } else if event is ChannelShouldQuiesceEvent {
      isStopping = true
      closeIfOver()
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    let streams = [current, receiving].compactMap(\.self) + waiting.map(\.0)
    waiting.removeAll()
    // It refers to this connection.
    receiving = nil
    for stream in streams { stream.vanish() }
    context.fireChannelInactive()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable {
      current?.becameWritable()
      answerNext()
      readIfWanted()
    }
    context.fireChannelWritabilityChanged()
  }

  // MARK: What goes

  func write(_ part: HTTPServerResponsePart, flushes: Bool) {
    guard let context else { return }
    var promise: EventLoopPromise<Void>?
    if case .end = part {
      let sent = context.eventLoop.makePromise(of: Void.self)
      unsentAnswers += 1
      sent.futureResult.assumeIsolatedUnsafeUnchecked().whenComplete { _ in
        self.unsentAnswers -= 1
        self.closeIfOver()
      }
      promise = sent
    }
    if flushes {
      context.writeAndFlush(wrapOutboundOut(part), promise: promise)
    } else {
      context.write(wrapOutboundOut(part), promise: promise)
    }
  }

  func close() {
    context?.close(promise: nil)
  }

  /// The answer of `stream` is complete: the next one's turn.
  func ended(_ stream: HTTP1ServerStream) {
    guard stream === current else { return }
    current = nil
    // What came behind the last request of a connection is nobody's.
    if rules.isClosing { waiting.removeAll() }
    answerNext()
    readIfWanted()
    closeIfOver()
  }

  /// Not before the last bytes have left: closing drops what waits for the client.
  private func closeIfOver() {
    // An answer that is the connection's last ends it by itself, and lets the client read it.
    guard current == nil, waiting.isEmpty, unsentAnswers == 0, hasInputEnded || isStopping,
      !rules.isClosing
    else { return }
    context?.close(promise: nil)
  }
}

@available(*, unavailable)
extension HTTP1ServerConnection: Sendable {}

/// A request that came by HTTP/1.
final class HTTP1ServerStream: ServerStream, @unchecked Sendable {
  private let connection: HTTP1ServerConnection
  private let wire: any Channel

  init(_ connection: HTTP1ServerConnection, _ channel: any Channel) {
    (self.connection, wire) = (connection, channel)
    super.init(on: channel.eventLoop, remoteAddress: channel.remoteAddress)
  }

  override var refusal: Problem? { connection.rules.refusal }
  override var isWritable: Bool { wire.isWritable }
  override var channel: (any Channel)? { wire }

  override func send(_ head: HTTPResponse, whole bytes: ByteBuffer?) {
    var old = HTTPResponseHead(
      version: .http1_1, status: HTTPResponseStatus(statusCode: head.status.code))
    old.headers = HTTPHeaders(head.headerFields)
    connection.write(.head(old), flushes: bytes == nil)
    guard let bytes else { return }
    if bytes.readableBytes > 0 { connection.write(.body(.byteBuffer(bytes)), flushes: false) }
    connection.write(.end(nil), flushes: true)
  }

  override func send(_ piece: ByteBuffer) {
    connection.write(.body(.byteBuffer(piece)), flushes: true)
  }

  override func sendEnd(_ trailers: HTTPFields?) {
    connection.write(.end(trailers.map { HTTPHeaders($0) }), flushes: true)
  }

  override func send(interim: HTTPResponse) {
    var head = HTTPResponseHead(
      version: .http1_1, status: HTTPResponseStatus(statusCode: interim.status.code))
    for field in interim.headerFields {
      head.headers.add(name: field.name.rawName, value: field.value)
    }
    connection.rules.tell(head)
  }

  override func breakOff() { connection.close() }

  override func heed(_ wish: RequestBody.Wish) {
    if case .more = wish { connection.rules.askForBody() }
    connection.readIfWanted()
  }

  override func allowProxiedBody() { connection.pace.allowProxiedBody() }

  override func ended() { connection.ended(self) }
}
