package import HTTP2
import NIOCore

/// What the owner of a session was told of one stream and has done with it; kept as the stream's
/// attachment, so that nothing but the session keeps the stream alive.
package final class StreamFate {
  package var hasHeader = false
  package var hasEnded = false
  package var isClosed = false
  package var closeCode: ErrorCode?
  package var receivedBytes = 0
  /// Bytes for which the peer got no new credit.
  package var owedBytes = 0
  package var sentBytes = 0
  /// Header fields are sent: a body may follow.
  package var isOpenForWriting = false
  package var isReset = false
  package var isAnswered = false

  package init() {}
}

extension HTTP2Session {
  /// All that has happened since.
  package func takeEvents() -> [HTTP2Event] {
    Array(AnyIterator { self.nextEvent() })
  }

  /// Checks that `events` are what a stream may go through, and notes them in the streams' fates.
  package func note(_ events: [HTTP2Event]) {
    for event in events {
      switch event {
      case .header(let stream, let block, let endOfStream):
        if role == .server {
          require(stream.attachment == nil, "a request has one header")
          stream.attachment = StreamFate()
        }
        noteHeader(stream, block, endOfStream: endOfStream)
      case .data(let stream, let bytes):
        let fate = openFate(stream, "data come between header and end")
        fate.receivedBytes += bytes.readableBytes
        fate.owedBytes += bytes.readableBytes
      case .trailer(let stream, let block):
        requireReadable(block)
        openFate(stream, "trailers come once, at the end").hasEnded = true
      case .endOfStream(let stream):
        openFate(stream, "the end comes once").hasEnded = true
      case .closed(let stream, let code):
        require(stream.isClosed, "a closed stream knows it")
        guard let fate = stream.attachment as? StreamFate else { continue }
        require(!fate.isClosed, "a stream closes once")
        fate.isClosed = true
        fate.closeCode = code
      default: break
      }
    }
    requireBalance()
  }

  private func noteHeader(_ stream: HTTP2Stream, _ block: HeaderBlock, endOfStream: Bool) {
    guard let fate = stream.attachment as? StreamFate else { return }
    require(!fate.hasHeader && !fate.isClosed, "the header comes first and once")
    fate.hasHeader = true
    fate.hasEnded = endOfStream
    requireReadable(block)
  }

  private func openFate(_ stream: HTTP2Stream, _ property: String) -> StreamFate {
    guard let fate = stream.attachment as? StreamFate else {
      fatalError("a stream without header: \(property)")
    }
    require(fate.hasHeader && !fate.hasEnded && !fate.isClosed, property)
    return fate
  }

  private func requireReadable(_ block: HeaderBlock) {
    var nameBytes = 0
    block.forEach { name, value in nameBytes += name.count }
    require(nameBytes <= 64 << 10, "a header block is bounded")
  }

  /// The session's counts are those of its streams.
  package func requireBalance() {
    let streams = liveStreams
    require(streamCount == streams.count, "the streams are counted")
    require(
      outboundBytes == streams.reduce(0) { $0 + $1.outboundBytes }, "waiting bytes are counted")
    require(!streams.contains { $0.isClosed }, "no closed stream is live")
  }

  /// Ends the session as a connection does, and requires that every stream is told.
  package func end() {
    sweep()
    note(takeEvents())
    require(streamCount == 0 && liveStreams.isEmpty && outboundBytes == 0, "nothing is left")
  }
}
