package import HTTPTypes
package import NIOCore

/// A request as its client sent it; the body may still be on its way.
package struct Request: Sendable {
  package let head: HTTPRequest
  package let body: RequestBody
  /// Whether it brings a body at all, however long.
  package let hasBody: Bool

  package var method: HTTPRequest.Method { head.method }
  package var headers: HTTPFields { head.headerFields }
}

/// Why a request's body can't be read to its end.
enum RequestBodyError: Error {
  /// Its chunks are not chunks, or the client ended the connection or the stream.
  case malformed
  /// The answer is complete, or given up: what still comes is dropped.
  case notWanted
}

/// The body of one request, for one reader. What was not read when the answer is complete is
/// dropped.
///
/// The client is held up while more than `bufferedBytesMax` wait for the reader. Belongs to the
/// event loop of the connection; the reader may be elsewhere.
package final class RequestBody: AsyncSequence, @unchecked Sendable {
  // Sendable because what changes is touched on the event loop only.
  package typealias Element = ByteBuffer

  static let bufferedBytesMax = 64 << 10

  /// What the reader tells the connection.
  enum Wish {
    /// It waits for bytes.
    case more
    /// Bytes that had come are its own now, or nobody's.
    case taken(Int)
  }

  private let eventLoop: any EventLoop
  private var pieces = CircularBuffer<ByteBuffer>(initialCapacity: 2)
  private(set) var bufferedBytes = 0
  private var reader: CheckedContinuation<ByteBuffer?, any Error>?
  private var isReaderCancelled = false
  /// How it ended: nil while more may come.
  private var end: Result<Void, any Error>?
  private var isDropped = false
  /// Called on `eventLoop`.
  var tell: (Wish) -> Void

  init(on eventLoop: any EventLoop, tell: @escaping (Wish) -> Void = { _ in }) {
    (self.eventLoop, self.tell) = (eventLoop, tell)
  }

  // MARK: The client's side

  /// Whether all that will come has come.
  var hasEnded: Bool { end != nil }

  /// Whether more than enough waits for the reader.
  var isFull: Bool { bufferedBytes >= Self.bufferedBytesMax }

  func receive(_ bytes: ByteBuffer) {
    guard end == nil else { return }
    guard !isDropped else { return tell(.taken(bytes.readableBytes)) }
    if let reader = reader.take() {
      reader.resume(returning: bytes)
      tell(.taken(bytes.readableBytes))
    } else {
      bufferedBytes += bytes.readableBytes
      pieces.append(bytes)
    }
  }

  func finish() {
    guard end == nil else { return }
    end = .success(())
    reader.take()?.resume(returning: nil)
  }

  func fail(_ error: any Error) {
    guard end == nil else { return }
    end = .failure(error)
    reader.take()?.resume(throwing: error)
  }

  /// What has not been read is of no use any more; a reader that waits for it waits no longer.
  func drop() {
    guard !isDropped else { return }
    isDropped = true
    reader.take()?.resume(throwing: RequestBodyError.notWanted)
    let taken = bufferedBytes
    pieces.removeAll()
    bufferedBytes = 0
    if end == nil { tell(.taken(taken)) }
  }

  // MARK: The reader's side

  package struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let body: RequestBody

    @concurrent package func next() async throws -> ByteBuffer? {
      // Nearly always on the loop already, with the bytes at hand.
      if body.eventLoop.inEventLoop, let piece = body.takePiece() { return piece }
      return try await body.waitForPiece()
    }
  }

  package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(body: self) }

  private func takePiece() -> ByteBuffer? {
    guard let piece = pieces.popFirst() else { return nil }
    bufferedBytes -= piece.readableBytes
    tell(.taken(piece.readableBytes))
    return piece
  }

  private func waitForPiece() async throws -> ByteBuffer? {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        onLoop {
          if self.isReaderCancelled { return continuation.resume(throwing: CancellationError()) }
          if let piece = self.takePiece() { return continuation.resume(returning: piece) }
          switch self.end {
          case .success: return continuation.resume(returning: nil)
          case .failure(let error): return continuation.resume(throwing: error)
          case nil: break
          }
          if self.isDropped { return continuation.resume(throwing: RequestBodyError.notWanted) }
          self.reader = continuation
          self.tell(.more)
        }
      }
    } onCancel: {
      onLoop {
        self.isReaderCancelled = true
        self.reader.take()?.resume(throwing: CancellationError())
      }
    }
  }

  private func onLoop(_ work: @escaping @Sendable () -> Void) {
    if eventLoop.inEventLoop { work() } else { eventLoop.execute(work) }
  }

  /// All of it, in the buffer that it came in where it came in one piece.
  ///
  /// - Throws: `NIOTooManyBytesError` for more than `bytesMax`, or why it ended early.
  package func collect(upTo bytesMax: Int) async throws -> ByteBuffer {
    var whole = ByteBuffer()
    for try await piece in self {
      guard piece.readableBytes <= bytesMax - whole.readableBytes else {
        throw NIOTooManyBytesError(maxBytes: bytesMax)
      }
      if whole.readableBytes == 0 {
        whole = piece
      } else {
        whole.writeImmutableBuffer(piece)
      }
    }
    return whole
  }
}
