import NIOCore
import NIOHTTP1
import Synchronization

/// An answer on its way from its connection to whoever reads it: the head, then pieces of the body.
///
/// The connection puts in what it reads and stops reading when enough is waiting; the reader takes
/// it from any thread. One reader.
final class AnswerStream: Sendable {
  /// With this much unread, the provider has to wait.
  private static let bufferedBytesMax = 64 << 10
  /// Pieces that came together are joined up to this size: one wake-up, one write.
  private static let joinedBytesMax = 16 << 10

  private typealias HeadReader = CheckedContinuation<HTTPResponseHead, any Error>
  private typealias PieceReader = CheckedContinuation<ByteBuffer?, any Error>
  private typealias Next = Result<ByteBuffer?, UpstreamError>

  private struct State {
    var head: Result<HTTPResponseHead, UpstreamError>?
    var headReader: HeadReader?
    var pieces: CircularBuffer<ByteBuffer> = []
    var bufferedBytes = 0
    /// Whether the connection stopped reading.
    var isPaused = false
    /// The trailers, or why there is no end.
    var end: Result<HTTPHeaders?, UpstreamError>?
    var reader: PieceReader?
  }

  private let state = Mutex(State())
  private let connection: any UpstreamConnection

  init(from connection: any UpstreamConnection) {
    self.connection = connection
  }

  /// Whether all of the answer has come, or will never come.
  var hasEnded: Bool { state.withLock { $0.end != nil } }

  // MARK: The connection's side

  func receive(_ head: HTTPResponseHead) {
    let reader = state.withLock { state in
      state.head = .success(head)
      return state.headReader.take()
    }
    reader?.resume(returning: head)
  }

  /// Takes what one read brought; false when no more is wanted for now.
  func receive(_ pieces: [ByteBuffer]) -> Bool {
    let (reader, piece, wantsMore) = state.withLock { state in
      for piece in pieces {
        state.bufferedBytes += piece.readableBytes
        if let last = state.pieces.indices.last,
          state.pieces[last].readableBytes + piece.readableBytes <= Self.joinedBytesMax
        {
          state.pieces[last].writeImmutableBuffer(piece)
        } else {
          state.pieces.append(piece)
        }
      }
      let reader = state.reader.take()
      let piece = reader == nil ? nil : Self.takePiece(from: &state)
      state.isPaused = state.bufferedBytes >= Self.bufferedBytesMax
      return (reader, piece, !state.isPaused)
    }
    reader?.resume(returning: piece)
    return wantsMore
  }

  func finish(_ trailers: HTTPHeaders?) {
    end(.success(trailers))
  }

  /// Does nothing after an end.
  func fail(_ error: UpstreamError) {
    end(.failure(error))
  }

  private func end(_ end: Result<HTTPHeaders?, UpstreamError>) {
    let (headReader, reader) = state.withLock { state -> (HeadReader?, PieceReader?) in
      guard state.end == nil else { return (nil, nil) }
      state.end = end
      if case .failure(let error) = end, state.head == nil { state.head = .failure(error) }
      return (state.headReader.take(), state.reader.take())
    }
    switch end {
    case .success:
      headReader?.resume(throwing: UpstreamError.closedBeforeAnswer)
      reader?.resume(returning: nil)
    case .failure(let error):
      headReader?.resume(throwing: error)
      reader?.resume(throwing: error)
    }
  }

  // MARK: The reader's side

  /// Waits for the head of the final answer.
  func head() async throws(UpstreamError) -> HTTPResponseHead {
    do {
      return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
          let head = state.withLock { state in
            if state.head == nil { state.headReader = continuation }
            return state.head
          }
          if let head { continuation.resume(with: head.mapError { $0 as any Error }) }
        }
      } onCancel: {
        cancel()
      }
    } catch {
      throw UpstreamError(onConnection: error)
    }
  }

  /// The next piece; nil at the end.
  func next() async throws(UpstreamError) -> ByteBuffer? {
    // Without a task's cancellation handler where nothing has to be waited for.
    let (ready, wantsMore) = state.withLock { state -> (Next?, Bool) in
      if let piece = Self.takePiece(from: &state) { return (.success(piece), Self.resume(&state)) }
      return (state.end.map { $0.map { _ in nil } }, false)
    }
    if wantsMore { connection.readMore(of: self) }
    if let ready { return try ready.get() }
    do {
      return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
          let ready = state.withLock { state -> Next? in
            if let piece = Self.takePiece(from: &state) { return .success(piece) }
            if let end = state.end { return end.map { _ in nil } }
            state.reader = continuation
            return nil
          }
          if let ready { continuation.resume(with: ready.mapError { $0 as any Error }) }
        }
      } onCancel: {
        cancel()
      }
    } catch {
      throw UpstreamError(onConnection: error)
    }
  }

  /// The whole body, if it has come already, in one piece and with nothing behind it; nil leaves
  /// everything as it is.
  func takeWhole() -> ByteBuffer? {
    state.withLock { state in
      guard case .success(nil)? = state.end, state.pieces.count <= 1 else { return nil }
      return Self.takePiece(from: &state) ?? ByteBuffer()
    }
  }

  /// What came behind the body (RFC 9110, 6.5); nil before the end and where there was nothing.
  var trailers: HTTPHeaders? {
    state.withLock { state in
      if case .success(let trailers)? = state.end { trailers } else { nil }
    }
  }

  /// Says that nobody will read any more.
  func cancel() {
    fail(.cancelled)
    connection.abort(self)
  }

  private static func takePiece(from state: inout State) -> ByteBuffer? {
    guard let piece = state.pieces.popFirst() else { return nil }
    state.bufferedBytes -= piece.readableBytes
    return piece
  }

  /// Whether a paused connection may go on.
  private static func resume(_ state: inout State) -> Bool {
    guard state.isPaused, state.bufferedBytes < bufferedBytesMax / 2 else { return false }
    state.isPaused = false
    return true
  }
}
