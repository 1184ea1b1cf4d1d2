import AsyncHTTPClient
package import NIOCore

/// Passes a client's request body on to the provider: whole when it is small, else as it arrives.
/// There is one when the small body, or the first piece of the large one, has come.
///
/// A connection's body must have one reader, and the HTTP client may stop reading whenever it
/// likes. So a large body is read by a task of our own, to its end: the connection goes on behind
/// it.
package struct RequestRelay: Sendable {
  let body: HTTPClientRequest.Body?
  private let pipe: BodyPipe?
  private let pump: Task<Void, Never>?

  /// For a request without a body.
  package init() {
    (body, pipe, pump) = (nil, nil, nil)
  }

  /// For a body that is at hand.
  package init(_ bytes: ByteBuffer) {
    (body, pipe, pump) = (.bytes(bytes), nil, nil)
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
    body = .stream(pipe, length: length.map { .known(Int64($0)) } ?? .unknown)
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
      throw UpstreamError(error)
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
