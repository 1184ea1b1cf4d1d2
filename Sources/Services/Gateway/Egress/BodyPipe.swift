import NIOCore
import Synchronization

/// Hands the pieces of a body from one task to another, one at a time: the writer waits for the
/// reader, so nothing piles up.
///
/// One writer and one reader. Either may stop first: `finish` ends the reading, `abandon` lets the
/// writer go on without anybody reading.
final class BodyPipe: AsyncSequence, Sendable {
  typealias Element = ByteBuffer

  private struct State {
    var piece: ByteBuffer?
    /// The first piece, when it was looked at before anybody wanted it.
    var first: ByteBuffer?
    /// Set when the writer is done; the error is the reader's to see.
    var end: Result<Void, any Error>?
    var isAbandoned = false
    var byteCount = 0
    var reader: CheckedContinuation<ByteBuffer?, any Error>?
    var writer: CheckedContinuation<Void, Never>?
  }

  private let state = Mutex(State())

  /// Bytes that were taken.
  var byteCount: Int { state.withLock { $0.byteCount } }

  /// Waits for room and puts `piece` there; false when nobody will read it.
  func send(_ piece: ByteBuffer) async -> Bool {
    while true {
      let isDone = state.withLock { state -> Bool? in
        if state.isAbandoned { return false }
        if let reader = state.reader.take() {
          state.byteCount += piece.readableBytes
          reader.resume(returning: piece)
          return true
        }
        guard state.piece == nil else { return nil }
        state.byteCount += piece.readableBytes
        state.piece = piece
        return true
      }
      if let isDone { return isDone }
      await withCheckedContinuation { continuation in
        let mustWait = state.withLock { state in
          guard state.piece != nil, !state.isAbandoned else { return false }
          state.writer = continuation
          return true
        }
        if !mustWait { continuation.resume() }
      }
    }
  }

  /// Says that there is no more, or why.
  func finish(_ error: (any Error)? = nil) {
    let end = error.map { Result<Void, any Error>.failure($0) } ?? .success(())
    let reader = state.withLock { state in
      state.end = state.end ?? end
      return state.reader.take()
    }
    reader?.resume(with: end.map { nil })
  }

  /// Says that nobody will read any more.
  func abandon() {
    let (reader, writer) = state.withLock { state in
      state.isAbandoned = true
      state.piece = nil
      state.first = nil
      return (state.reader.take(), state.writer.take())
    }
    reader?.resume(throwing: CancellationError())
    writer?.resume()
  }

  // MARK: Reading

  /// Waits for the first piece or the end, which the reader gets all the same.
  func waitForFirst() async throws {
    let first = try await next()
    state.withLock { $0.first = first }
  }

  struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let pipe: BodyPipe

    func next() async throws -> ByteBuffer? { try await pipe.next() }
  }

  func makeAsyncIterator() -> AsyncIterator { AsyncIterator(pipe: self) }

  private func next() async throws -> ByteBuffer? {
    try await withCheckedThrowingContinuation { continuation in
      let (result, writer) = state.withLock {
        state -> (Result<ByteBuffer?, any Error>?, CheckedContinuation<Void, Never>?) in
        if let first = state.first.take() { return (.success(first), nil) }
        if let piece = state.piece.take() { return (.success(piece), state.writer.take()) }
        if state.isAbandoned { return (.failure(CancellationError()), nil) }
        if let end = state.end { return (end.map { nil }, nil) }
        state.reader = continuation
        return (nil, nil)
      }
      writer?.resume()
      if let result { continuation.resume(with: result) }
    }
  }
}
