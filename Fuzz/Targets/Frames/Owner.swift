import Fuzzing
import HTTP2
import NIOCore

/// Owns a session as a connection does: hands bytes in, looks at the events, takes bytes out.
final class Owner {
  /// What nghttp2 may pack beyond `drainBytesMax`: the frame under way.
  private static let drainSlackBytes = 64 << 10
  private static let openingRequests = 3
  private static let toldMax = 8

  let session: HTTP2Session
  private let limits: HTTP2Limits
  /// What is done with requests, data and output, bit by bit.
  private let habits: UInt8
  private(set) var isOver = false
  private var hasSent = false
  /// The last few streams that were told of.
  private var told: [Told] = []

  /// A handler may or may not keep its stream; here the habits decide.
  private struct Told {
    weak var stream: HTTP2Stream?
    let kept: HTTP2Stream?
  }

  var recent: [HTTP2Stream] { told.compactMap(\.stream) }

  /// A client's first requests are there from the start, for the peer to answer.
  init(_ role: HTTP2Session.Role, _ limits: HTTP2Limits, habits: UInt8) {
    session = requireNoError("a session can be made") { try HTTP2Session(role, limits) }
    self.limits = limits
    self.habits = habits
    guard role == .client else { return }
    for _ in 0..<Self.openingRequests { request() }
  }

  func request() {
    var fields = HeaderFields()
    for (name, value) in [
      (":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", "/a"),
    ] {
      fields.append(name, value, isIndexed: true)
    }
    let fate = StreamFate()
    guard let stream = try? session.request(fields, attachment: fate) else { return }
    fate.isOpenForWriting = true
    remember(stream)
  }

  // MARK: Bytes

  func receive(_ bytes: [UInt8]) { receive(ByteBuffer(bytes: bytes)) }

  func receive(_ bytes: ByteBuffer) {
    guard !isOver else { return }
    do throws(HTTP2Error) {
      try session.receive(bytes)
      take(session.takeEvents())
    } catch {
      take(session.takeEvents())
      end()
    }
    if habits & 1 == 0 { drain() }
  }

  /// Takes all that the session has to send.
  func drain() {
    while !isOver {
      do throws(HTTP2Error) {
        try session.drain()
        take(session.takeEvents())
      } catch {
        take(session.takeEvents())
        return end()
      }
      let output = Array(session.output.readableBytesView)
      session.output.clear()
      require(
        output.count <= HTTP2Session.drainBytesMax + Self.drainSlackBytes,
        "output is bounded")
      require(
        hasSent || output.starts(with: session.role == .client ? Frame.preface : []),
        "a client starts with the preface")
      Frame.kinds(output)
      hasSent = true
      if output.isEmpty { break }
    }
    if session.isFinished { end() }
  }

  /// The connection is gone; nothing may happen after it.
  func end() {
    guard !isOver else { return }
    isOver = true
    session.end()
  }

  // MARK: Events

  private func take(_ events: [HTTP2Event]) {
    session.note(events)
    if session.role == .server {
      require(session.streamCount <= limits.concurrentStreamsMax, "streams are bounded")
    }
    for event in events {
      switch event {
      case .header(let stream, _, _):
        remember(stream)
        if session.role == .server { answer(stream) }
      case .data(let stream, let bytes) where habits & 2 == 0:
        consume(stream, bytes.readableBytes)
      default: break
      }
    }
  }

  private func remember(_ stream: HTTP2Stream) {
    if told.count >= Self.toldMax { told.removeFirst() }
    told.append(Told(stream: stream, kept: habits & 0x10 == 0 ? stream : nil))
  }

  private func consume(_ stream: HTTP2Stream, _ byteCount: Int) {
    session.consumedOnConnection(byteCount)
    session.consumedOnStream(stream, byteCount)
    (stream.attachment as? StreamFate)?.owedBytes -= byteCount
  }

  private func answer(_ stream: HTTP2Stream) {
    switch habits >> 2 & 3 {
    case 0: break
    case 1:
      respond(stream, endOfStream: false)
      write(stream, Int(habits) << 6)
      finish(stream, hasTrailers: true)
    case 2: respond(stream, endOfStream: true)
    default: reset(stream)
    }
  }

  // MARK: What an owner may do with a stream, whether or not it still lives

  func respond(_ stream: HTTP2Stream, endOfStream: Bool) {
    guard session.role == .server, let fate = stream.attachment as? StreamFate,
      !fate.isOpenForWriting, fate.sentBytes == 0
    else { return }
    var fields = HeaderFields()
    fields.append(":status", "200", isIndexed: true)
    guard (try? session.respond(stream, fields, endOfStream: endOfStream)) != nil else { return }
    fate.isOpenForWriting = !endOfStream
    // Marks the response as begun even without a body.
    fate.sentBytes = 1
  }

  func write(_ stream: HTTP2Stream, _ byteCount: Int) {
    guard let fate = stream.attachment as? StreamFate, fate.isOpenForWriting else { return }
    session.write(stream, ByteBuffer(repeating: 0x61, count: byteCount))
  }

  func finish(_ stream: HTTP2Stream, hasTrailers: Bool) {
    guard let fate = stream.attachment as? StreamFate, fate.isOpenForWriting else { return }
    fate.isOpenForWriting = false
    var trailers = HeaderFields()
    trailers.append("grpc-status", "0", isIndexed: true)
    session.finish(stream, trailers: hasTrailers ? trailers : nil)
  }

  func reset(_ stream: HTTP2Stream) {
    session.reset(stream, .cancel)
    (stream.attachment as? StreamFate)?.isOpenForWriting = false
  }

  func consumeOwed(_ stream: HTTP2Stream) {
    guard let fate = stream.attachment as? StreamFate else { return }
    consume(stream, fate.owedBytes)
  }
}
