internal import Fuzzing
internal import HTTP2
internal import NIOCore

/// One end of a conversation: its session, its streams and the bytes on their way from it.
final class Party {
  let session: HTTP2Session
  private(set) var streams: [HTTP2Stream] = []
  private(set) var fates: [Int32: StreamFate] = [:]
  private(set) var isBroken = false
  private var underWay: [UInt8] = []

  init(_ role: HTTP2Session.Role, _ limits: HTTP2Limits) {
    session = requireNoError("a session can be made") { try HTTP2Session(role, limits) }
  }

  // MARK: Streams

  private static func fields(_ first: [(String, String)], extra: Int) -> HeaderFields {
    var fields = HeaderFields()
    for (name, value) in first { fields.append(name, value, isIndexed: true) }
    for index in 0..<extra {
      fields.append(
        "x-\(index)", String(repeating: "v", count: index << 4), isIndexed: index & 1 == 0)
    }
    return fields
  }

  func open(_ extraFields: Int) {
    let fields = Self.fields(
      [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", "/a")],
      extra: extraFields)
    let fate = StreamFate()
    guard !isBroken, let stream = try? session.request(fields, attachment: fate) else { return }
    fate.isOpenForWriting = true
    streams.append(stream)
  }

  /// One of this party's streams; inputs name them by any number.
  private func pick(_ index: Int) -> (stream: HTTP2Stream, fate: StreamFate)? {
    guard !isBroken, !streams.isEmpty else { return nil }
    let stream = streams[index % streams.count]
    return (stream.attachment as? StreamFate).map { (stream, $0) }
  }

  func answer(_ index: Int, extraFields: Int) {
    guard let (stream, fate) = pick(index), !fate.isAnswered else { return }
    fate.isAnswered = true
    let fields = Self.fields([(":status", "200")], extra: extraFields)
    guard (try? session.respond(stream, fields, endOfStream: false)) != nil else { return }
    fate.isOpenForWriting = true
  }

  func write(_ index: Int, _ byteCount: Int) {
    guard let (stream, fate) = pick(index), fate.isOpenForWriting, !stream.isClosed else { return }
    let start = fate.sentBytes
    fate.sentBytes += byteCount
    session.write(stream, ByteBuffer(bytes: (start..<fate.sentBytes).map(Self.byte(at:))))
  }

  func finish(_ index: Int, hasTrailers: Bool) {
    guard let (stream, fate) = pick(index), fate.isOpenForWriting else { return }
    fate.isOpenForWriting = false
    session.finish(
      stream, trailers: hasTrailers ? Self.fields([("grpc-status", "0")], extra: 2) : nil)
  }

  func reset(_ index: Int) {
    guard let (stream, fate) = pick(index) else { return }
    fate.isOpenForWriting = false
    fate.isReset = true
    session.reset(stream, .cancel)
  }

  /// Gives the peer credit for all that has arrived.
  func consume() {
    for stream in streams where !isBroken {
      guard let fate = stream.attachment as? StreamFate, fate.owedBytes > 0 else { continue }
      session.consumedOnConnection(fate.owedBytes)
      session.consumedOnStream(stream, fate.owedBytes)
      fate.owedBytes = 0
    }
  }

  /// What a body has at this place.
  private static func byte(at offset: Int) -> UInt8 { UInt8(truncatingIfNeeded: offset &* 31) }

  // MARK: Bytes

  func pack(mayFail: Bool) {
    guard !isBroken else { return }
    var events: [HTTP2Event] = []
    do throws(HTTP2Error) {
      try session.drain(events: &events)
    } catch {
      fail(error, isAllowed: mayFail)
    }
    take(events, isDamaged: mayFail)
    underWay += session.output.readableBytesView
    session.output.clear()
  }

  func take(_ byteCount: Int) -> ByteBuffer? {
    guard !underWay.isEmpty else { return nil }
    let piece = ByteBuffer(bytes: underWay.prefix(byteCount))
    underWay.removeFirst(min(byteCount, underWay.count))
    return piece
  }

  /// Changes a byte that is on its way; false when there is none.
  func damage(at place: UInt8, with mask: UInt8) -> Bool {
    guard !underWay.isEmpty, mask != 0 else { return false }
    underWay[Int(place) % underWay.count] ^= mask
    return true
  }

  func receive(_ bytes: ByteBuffer, mayFail: Bool) {
    guard !isBroken else { return }
    var events: [HTTP2Event] = []
    do throws(HTTP2Error) {
      try session.receive(bytes, events: &events)
    } catch {
      fail(error, isAllowed: mayFail)
    }
    take(events, isDamaged: mayFail)
  }

  private func fail(_ error: HTTP2Error, isAllowed: Bool) {
    require(isAllowed, "what a session sends, a session accepts: \(error)")
    isBroken = true
  }

  private func take(_ events: [HTTP2Event], isDamaged: Bool) {
    if !isDamaged { checkBodies(events) }
    session.note(events)
    for case .header(let stream, _, _) in events where session.role == .server {
      streams.append(stream)
      fates[stream.id] = stream.attachment as? StreamFate
    }
  }

  /// Every byte is the one that was written at its place.
  private func checkBodies(_ events: [HTTP2Event]) {
    var offsets: [Int32: Int] = [:]
    for case .data(let stream, let bytes) in events {
      let known = (stream.attachment as? StreamFate)?.receivedBytes ?? 0
      let start = offsets[stream.id] ?? known
      for (index, byte) in bytes.readableBytesView.enumerated() {
        require(byte == Self.byte(at: start + index), "bodies arrive in order and unchanged")
      }
      offsets[stream.id] = start + bytes.readableBytes
    }
  }
}
