import Fuzzing
import HTTP2
import NIOCore

/// One end of a conversation: its session, its streams and the bytes on their way from it.
final class Party {
  let session: HTTP2Session
  private(set) var streams: [HTTP2Stream] = []
  private(set) var fates: [Int32: StreamFate] = [:]
  private(set) var isBroken = false
  private(set) var hasReset = false
  private var underWay = ByteBuffer()

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
    var bytes = ByteBuffer()
    bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: byteCount) { space in
      for index in 0..<byteCount { space[index] = Self.byte(at: start + index) }
      return byteCount
    }
    session.write(stream, bytes)
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
    hasReset = true
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
    do throws(HTTP2Error) {
      try session.drain()
    } catch {
      fail(error, isAllowed: mayFail)
    }
    take(session.takeEvents(), isDamaged: mayFail)
    underWay.writeBuffer(&session.output)
    session.output.clear()
  }

  func take(_ byteCount: Int) -> ByteBuffer? {
    let count = min(byteCount, underWay.readableBytes)
    guard count > 0, let piece = underWay.readSlice(length: count) else { return nil }
    underWay.discardReadBytes()
    return piece
  }

  /// Changes a byte that is on its way; false when there is none.
  func damage(at place: UInt8, with mask: UInt8) -> Bool {
    guard underWay.readableBytes > 0, mask != 0 else { return false }
    let index = underWay.readerIndex + Int(place) % underWay.readableBytes
    guard let byte = underWay.getInteger(at: index, as: UInt8.self) else { return false }
    underWay.setInteger(byte ^ mask, at: index)
    return true
  }

  func receive(_ bytes: ByteBuffer, mayFail: Bool) {
    guard !isBroken else { return }
    do throws(HTTP2Error) {
      try session.receive(bytes)
    } catch {
      fail(error, isAllowed: mayFail)
    }
    take(session.takeEvents(), isDamaged: mayFail)
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
