import HTTP2
import HTTPTypes
import NIOCore

/// A request that came by HTTP/2, on a stream of a connection.
final class HTTP2ServerStream: ServerStream, @unchecked Sendable {
  /// With more of an answer unsent than this, whoever writes it has to wait.
  private static let queuedBytesMax = 64 << 10
  /// What a client may still send of a body that its answer didn't wait for.
  private static let lateBytesMax = 16 << 20

  private let connection: HTTP2ServerConnection
  private let stream: HTTP2Stream
  private let problem: Problem?
  private var awaitsContinue: Bool
  private var hasAnswerBegun = false
  private var pace: BodyWait
  /// Until when the rest of a body may come whose answer is out.
  private var lateDeadline: NIODeadline?
  private var lateBytes = 0

  init(_ stream: HTTP2Stream, _ head: HTTP2RequestHead, on connection: HTTP2ServerConnection) {
    (self.stream, self.connection) = (stream, connection)
    problem = head.refusal
    awaitsContinue = head.awaitsContinue
    pace = BodyWait(connection.timeouts)
    super.init(on: connection.channel.eventLoop, remoteAddress: connection.channel.remoteAddress)
  }

  override var refusal: Problem? { problem }
  override var isWritable: Bool { stream.outboundBytes <= Self.queuedBytesMax }

  // MARK: The request

  /// When the client has kept us waiting for its body for too long; nil while nobody waits for it.
  var bodyDeadline: NIODeadline? {
    guard !stream.isRemoteEnded else { return nil }
    return lateDeadline ?? (body.hasEnded ? nil : pace.deadline)
  }

  func receive(_ bytes: ByteBuffer) {
    awaitsContinue = false
    if lateDeadline != nil {
      lateBytes += bytes.readableBytes
      if lateBytes > Self.lateBytesMax { return bodyIsLate() }
    }
    pace.received(bytes.readableBytes)
    body.receive(bytes)
    if !body.isFull { pace.begin() }
  }

  func bodyIsLate() {
    guard lateDeadline == nil else {
      // The client has had time to read its answer.
      connection.session.reset(stream, .noError)
      return connection.setNeedsFlush()
    }
    body.fail(RequestPaceError.bodyTooSlow)
  }

  override func ended() {
    // Also where the body has failed: the client still has the stream.
    guard !stream.isRemoteEnded, !stream.isClosed else { return }
    lateDeadline = .now() + TimeAmount(connection.timeouts.farewellTimeout)
    connection.watch(self)
  }

  override func heed(_ wish: RequestBody.Wish) {
    switch wish {
    case .more:
      pace.begin()
      if awaitsContinue, !hasAnswerBegun {
        awaitsContinue = false
        inform(HTTPResponse(status: .continue))
      }
    case .taken(let count):
      connection.session.consumedOnStream(stream, count)
      if !body.isFull { pace.begin() }
      connection.setNeedsFlush()
    }
    connection.watch(self)
  }

  override func allowProxiedBody() {
    pace.isProxied = true
    connection.watch(self)
  }

  // MARK: The answer

  override func send(_ head: HTTPResponse, whole bytes: ByteBuffer?) {
    hasAnswerBegun = true
    let session = connection.session
    let hasBody = bytes.map { $0.readableBytes > 0 } ?? true
    do {
      try session.respond(stream, HTTP2AnswerHead.fields(head), endOfStream: !hasBody)
    } catch {
      // The stream is closed: its last event says so.
      return
    }
    if let bytes, hasBody {
      session.write(stream, bytes)
      session.finish(stream)
    }
    connection.setNeedsFlush()
  }

  override func send(_ piece: ByteBuffer) {
    connection.session.write(stream, piece)
    if !isWritable { stream.notifyWhenDrained = true }
    connection.setNeedsFlush()
  }

  override func sendEnd(_ trailers: HTTPFields?) {
    connection.session.finish(stream, trailers: trailers.map(HTTP2AnswerHead.trailers))
    connection.setNeedsFlush()
  }

  override func send(interim: HTTPResponse) {
    // A client that is behind with reading gets what matters only.
    guard !hasAnswerBegun, connection.channel.isWritable else { return }
    inform(interim)
  }

  private func inform(_ head: HTTPResponse) {
    try? connection.session.inform(stream, HTTP2AnswerHead.fields(head))
    connection.setNeedsFlush()
  }

  override func breakOff() {
    connection.session.reset(stream, .internalError)
    connection.setNeedsFlush()
  }

  override func workEnded() { connection.workEnded() }
}
