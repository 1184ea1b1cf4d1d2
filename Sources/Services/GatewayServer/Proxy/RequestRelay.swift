import AsyncHTTPClient
import Hummingbird
import NIOCore
import Networking

/// Passes a client's request body on to the provider: whole when it is small, else as it arrives.
/// There is one when the small body, or the first piece of the large one, has come.
///
/// A connection's body must have one reader, and the HTTP client may stop reading whenever it
/// likes. So a large body is read by a task of our own, to its end: the connection goes on behind
/// it.
struct RequestRelay: Sendable {
  let body: HTTPClientRequest.Body?
  private let pipe: BodyPipe?
  private let pump: Task<Void, Never>?

  /// Refuses bodies larger than `bytesMax`, before anything is sent where they say so themselves.
  init(_ exchange: Exchange, bytesMax: Int) async throws(Problem) {
    guard exchange.hasBody else {
      (body, pipe, pump) = (nil, nil, nil)
      return
    }
    let length = exchange.headers[.contentLength].flatMap { Int($0) }
    if let length, length > bytesMax { throw .tooLarge(limitBytes: bytesMax) }
    if let length, length <= UpstreamLimits.bufferedBytesMax {
      let bytes = ByteBuffer(bytes: try await exchange.body(bytesMax: length))
      (body, pipe, pump) = (.bytes(bytes), nil, nil)
      return
    }
    let pipe = BodyPipe()
    self.pipe = pipe
    body = .stream(pipe, length: length.map { .known(Int64($0)) } ?? .unknown)
    // Outlives this call: it reads while the provider's answer is already on its way.
    let pump = Task(executorPreference: exchange.channel.eventLoop.taskExecutor) {
      await Self.pump(exchange.request.body, into: pipe, bytesMax: bytesMax)
    }
    self.pump = pump
    do {
      try await pipe.waitForFirst()
    } catch {
      pipe.abandon()
      await pump.value
      throw RelayError.problem(error, bytesMax: bytesMax) ?? Exchange.unreadableBody(error)
    }
  }

  /// Waits until nobody reads the client's body any more; before that the connection can't go on.
  /// What the provider did not want is read and dropped.
  func finish() async {
    pipe?.abandon()
    await pump?.value
  }

  private static func pump(
    _ body: RequestBody, into pipe: BodyPipe, bytesMax: Int
  ) async {
    var count = 0
    do {
      for try await piece in body {
        count += piece.readableBytes
        guard count <= bytesMax else { throw RelayError.bodyTooLarge }
        _ = await pipe.send(piece)
      }
      pipe.finish()
    } catch {
      pipe.finish(error)
    }
  }
}

/// What stops a relay from within.
enum RelayError: Error {
  case bodyTooLarge

  /// What the client is told when it is the client's body that stopped the relay.
  static func problem(_ error: any Error, bytesMax: Int) -> Problem? {
    switch error {
    case RelayError.bodyTooLarge: .tooLarge(limitBytes: bytesMax)
    case is RequestPaceError: Exchange.unreadableBody(error)
    default: nil
    }
  }
}
