package import NIOCore
import Networking

/// Passes a client's request body on to the provider: whole when it is small, else as it arrives.
/// There is one when the small body, or the first piece of the large one, has come.
///
/// A connection's body must have one reader, and a provider may stop reading whenever it likes. So
/// a large body is read by a task of our own, to its end: the connection goes on behind it.
package struct RequestRelay: Sendable {
  /// The body that is at hand.
  package let bytes: ByteBuffer?
  let length: BodyLength
  private let pipe: BodyPipe?
  private let pump: Task<Void, Never>?

  /// For a request without a body.
  package init() {
    (bytes, length, pipe, pump) = (nil, .none, nil, nil)
  }

  /// For a body that is at hand.
  package init(_ bytes: ByteBuffer) {
    (self.bytes, length, pipe, pump) = (bytes, .known(bytes.readableBytes), nil, nil)
  }

  /// For a body that is passed on while it comes, of at most `bytesMax` bytes.
  ///
  /// - Parameters:
  ///   - length: what the client says; nil when it doesn't.
  ///   - executor: where the pieces arrive, so that they cross no thread.
  package init<Pieces: AsyncSequence & Sendable>(
    _ pieces: Pieces, length: Int?, bytesMax: Int, on executor: any TaskExecutor
  ) async throws(UpstreamError) where Pieces.Element == ByteBuffer {
    let pipe = BodyPipe()
    self.pipe = pipe
    bytes = nil
    self.length = length.map { .known($0) } ?? .unknown
    // Outlives this call: it reads while the provider's answer is already on its way.
    let pump = Task(executorPreference: executor) {
      await Self.pump(pieces, into: pipe, bytesMax: bytesMax)
    }
    self.pump = pump
    do {
      try await pipe.waitForFirst()
    } catch {
      pipe.abandon()
      await pump.value
      throw (error as? UpstreamError) ?? .request(error)
    }
  }

  /// Whether the whole body can be sent at once, and again.
  package var isAtHand: Bool { pipe == nil }

  /// Bytes of the body that have come so far.
  package var byteCount: Int { bytes?.readableBytes ?? pipe?.byteCount ?? 0 }

  /// Sends the body on, piece by piece, if it is one that comes in pieces.
  func send(on connection: any UpstreamConnection, _ stream: AnswerStream) {
    guard let pipe else { return }
    // Beside the answer, which may come before the body's end. It ends with either.
    Task(executorPreference: connection.eventLoop.taskExecutor) {
      do {
        for try await piece in pipe { try await connection.send(piece, of: stream) }
        connection.finishRequest(of: stream)
      } catch let error as UpstreamError {
        pipe.abandon()
        if case .closedBeforeAnswer = error { return }
        // The client's side: the provider must not take half a body for a whole one.
        stream.fail(error)
        connection.abort(stream)
      } catch {
        // Abandoned: nobody waits for the answer's rest.
        connection.abort(stream)
      }
    }
  }

  /// Waits until nobody reads the client's body any more; before that the connection can't go on.
  /// What the provider did not want is read and dropped.
  package func finish() async {
    pipe?.abandon()
    await pump?.value
  }

  private static func pump<Pieces: AsyncSequence & Sendable>(
    _ pieces: Pieces, into pipe: BodyPipe, bytesMax: Int
  ) async where Pieces.Element == ByteBuffer {
    var count = 0
    do {
      for try await piece in pieces {
        count += piece.readableBytes
        guard count <= bytesMax else { throw UpstreamError.requestTooLarge }
        _ = await pipe.send(piece)
      }
      pipe.finish()
    } catch let error as UpstreamError {
      pipe.finish(error)
    } catch {
      pipe.finish(UpstreamError.request(error))
    }
  }
}
