import CNghttp2
import DequeModule
import NIOCore

/// All of a session that changes; what nghttp2's callbacks work on.
///
/// It has an address of its own, which nghttp2 gets: through it a callback neither counts
/// references nor checks for overlapping access, which would cost each call some hundred
/// nanoseconds.
struct SessionState {
  let role: HTTP2Session.Role
  let limits: HTTP2Limits
  /// nghttp2's session; the C calls accept nil, and it is nil only when it could not be made.
  var handle: OpaquePointer?

  // What callbacks append to.
  var records = Deque<EventRecord>()
  var goAways: [HTTP2Event] = []
  /// Older than `records`: what was not yet taken when the next bytes came.
  private var overdue = Deque<HTTP2Event>()
  var endedBeforePeer: [HTTP2Stream] = []
  var output = ByteBuffer()
  /// Blocks of several streams never mix (RFC 9113, 4.3).
  var headers = HeaderStorage()

  // What is being parsed, so that a body can be a slice of it.
  var input = ByteBuffer()
  var inputStart: UnsafePointer<UInt8>?

  // What a server needs to know of frames that nghttp2 ignores.
  var frameHeads = FrameHeads()
  var closedStreams = ClosedStreams()

  /// Streams that nghttp2 has or will have, by slot: nghttp2 doesn't say good-bye to them when a
  /// session is deleted, and keeps only an unretained pointer to each. So do records.
  var streams: [HTTP2Stream?] = []
  private var freeSlots: [Int] = []
  private(set) var streamCount = 0
  /// Frames of a call come in a row: the stream that was looked up last.
  private var lastStream: (id: Int32, stream: Unmanaged<HTTP2Stream>)?

  var outboundBytes = 0
  var resetsByPeerFault = 0
  var idleFrames = 0
  var callFrames = 0
  var windowUpdates = 0
  var isReceivingHeaderBlock = false
  var lastProblem: String?
  /// After `sweep` nghttp2 must not run again: it points to streams that are gone.
  var isSwept = false

  init(_ role: HTTP2Session.Role, _ limits: HTTP2Limits) {
    self.role = role
    self.limits = limits
  }

  // MARK: Live streams

  mutating func remember(_ stream: HTTP2Stream) {
    streamCount += 1
    if let slot = freeSlots.popLast() {
      stream.slot = slot
      streams[slot] = stream
    } else {
      stream.slot = streams.count
      streams.append(stream)
    }
  }

  /// The stream that nghttp2 knows by `id`; the table above keeps it.
  mutating func stream(_ id: Int32) -> Unmanaged<HTTP2Stream>? {
    if let lastStream, lastStream.id == id { return lastStream.stream }
    guard let pointer = nghttp2_session_get_stream_user_data(handle, id) else { return nil }
    let stream = Unmanaged<HTTP2Stream>.fromOpaque(pointer)
    lastStream = (id, stream)
    return stream
  }

  /// Tells the owner, once: nghttp2 may have more than one word for the end of a stream.
  mutating func close(_ stream: HTTP2Stream, _ code: ErrorCode) {
    guard !stream.isClosed else { return }
    records.append(
      EventRecord(
        kind: .closed, stream: Unmanaged.passRetained(stream), number: UInt64(code.rawValue)))
    forget(stream)
  }

  mutating func forget(_ stream: HTTP2Stream) {
    guard !stream.isClosed else { return }
    if lastStream?.id == stream.id { lastStream = nil }
    stream.isClosed = true
    streamCount -= 1
    outboundBytes -= stream.outboundBytes
    streams[stream.slot] = nil
    freeSlots.append(stream.slot)
  }

  // MARK: Events

  /// What records point into is about to change.
  mutating func settleRecords() {
    while let record = records.popFirst() { overdue.append(event(record)) }
  }

  mutating func nextEvent() -> HTTP2Event? {
    if !overdue.isEmpty { return overdue.popFirst() }
    guard let record = records.popFirst() else {
      // Nothing points there any more: the buffer can be used again.
      if input.readableBytes > 0 { input = ByteBuffer() }
      return nil
    }
    return event(record)
  }

  private mutating func event(_ record: EventRecord) -> HTTP2Event {
    guard let stream = record.stream else {
      return switch record.kind {
      case .ping: .ping
      case .pingAcknowledged: .pingAcknowledged(record.number)
      case .goAway where !goAways.isEmpty: goAways.removeFirst()
      default: .settings
      }
    }
    return switch record.kind {
    case .data:
      .data(
        stream.takeUnretainedValue(),
        input.getSlice(
          at: input.readerIndex + record.start, length: record.byteCount) ?? ByteBuffer())
    case .endOfStream: .endOfStream(stream.takeUnretainedValue())
    case .drained: .drained(stream.takeUnretainedValue())
    case .closed:
      .closed(
        stream.takeRetainedValue(), ErrorCode(rawValue: UInt32(truncatingIfNeeded: record.number)))
    case .interim: .interim(stream.takeUnretainedValue(), headers.fields(of: record))
    case .trailer: .trailer(stream.takeUnretainedValue(), headers.fields(of: record))
    default:
      .header(
        stream.takeUnretainedValue(), headers.fields(of: record), endOfStream: record.endOfStream)
    }
  }
}
