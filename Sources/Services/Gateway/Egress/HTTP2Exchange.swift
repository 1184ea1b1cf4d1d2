import HTTP2
import NIOCore

/// A request and its answer on a stream of an HTTP/2 connection; belongs to the connection's event
/// loop.
final class HTTP2Exchange {
  let answer: AnswerStream
  let watch: UpstreamWatch
  /// Set when the request was submitted, which is at once.
  var stream: HTTP2Stream?
  var interimCount = 0
  var isRequestSent = false
  var hasHead = false
  /// The answer is complete or will never be: what still comes is dropped.
  var isOver = false
  /// Whether the pool knows that it is over.
  var isReported = false
  /// Whether the reader wants more than what was read.
  var isReading = true
  /// When the provider last did something for it, or was last asked for something.
  var progress = NIODeadline.now()
  /// Bytes for which the provider got no new credit, as the reader has enough.
  var owedBytes = 0
  /// What one read brought.
  private(set) var pieces: [ByteBuffer] = []
  /// Waits until little is left to send.
  var writer: CheckedContinuation<Void, any Error>?

  init(_ answer: AnswerStream, watch: UpstreamWatch) {
    (self.answer, self.watch) = (answer, watch)
  }

  /// Whether it is the provider who is waited for, not the client.
  var isWaitingForProvider: Bool {
    if !isRequestSent, writer == nil, !hasHead { return false }
    return isReading || writer != nil
  }

  func deadline(_ limits: UpstreamLimits) -> NIODeadline {
    progress + TimeAmount(isRequestSent && !hasHead ? limits.answerTimeout : limits.idleTimeout)
  }

  /// Keeps `piece`, a slice of what was read, until `deliver`.
  func append(_ piece: ByteBuffer) {
    owedBytes += piece.readableBytes
    // A few bytes must not hold all that came with them for as long as nobody reads them.
    let isSmall = piece.readableBytes < piece.storageCapacity / Self.storageShareMin
    pieces.append(isSmall ? ByteBuffer(bytes: piece.readableBytesView) : piece)
  }

  /// Hands over what was read; the bytes for which the provider may send as many again.
  func deliver() -> Int {
    guard !pieces.isEmpty else { return 0 }
    isReading = answer.receive(pieces)
    pieces.removeAll(keepingCapacity: pieces.count <= 4)
    return isReading ? takeOwed() : 0
  }

  func takeOwed() -> Int {
    defer { owedBytes = 0 }
    return owedBytes
  }

  /// The part of a buffer that a slice must have to keep it.
  private static let storageShareMin = 4
}
