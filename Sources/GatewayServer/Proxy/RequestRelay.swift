import AsyncHTTPClient
import Hummingbird
import NIOCore

/// Passes a client's request body on to the provider: whole when it is small, else as it arrives.
///
/// A connection's body must have one reader. The HTTP client may stop reading whenever it likes,
/// so a large body is read by a task of our own until its end or until `finish`.
struct RequestRelay: Sendable {
  let body: HTTPClientRequest.Body?
  private let pump: Task<Void, Never>?

  /// Refuses bodies larger than `bytesMax`, before anything is sent where they say so themselves.
  init(_ exchange: Exchange, bytesMax: Int) async throws(Problem) {
    guard exchange.hasBody else {
      (body, pump) = (nil, nil)
      return
    }
    let length = exchange.headers[.contentLength].flatMap { Int($0) }
    if let length, length > bytesMax { throw .tooLarge(limitBytes: bytesMax) }
    if let length, length <= UpstreamLimits.bufferedBytesMax {
      let bytes = ByteBuffer(bytes: try await exchange.body(bytesMax: length))
      (body, pump) = (.bytes(bytes), nil)
      return
    }
    let (stream, source) = RequestBody.makeStream()
    body = .stream(stream, length: length.map { .known(Int64($0)) } ?? .unknown)
    // Outlives this call: it reads while the provider's answer is already on its way.
    pump = Task {
      var count = 0
      do {
        for try await chunk in exchange.request.body {
          count += chunk.readableBytes
          guard count <= bytesMax else { throw RelayError.bodyTooLarge }
          await source.yield(chunk)
        }
        source.finish()
      } catch {
        source.finish(error)
      }
    }
  }

  /// Waits until nobody reads the client's body any more; before that the connection can't go on.
  func finish() async {
    guard let pump else { return }
    await withTaskCancellationHandler {
      await pump.value
    } onCancel: {
      pump.cancel()
    }
  }
}

/// What stops a relay from within.
enum RelayError: Error {
  case bodyTooLarge
}
