package import NIOCore
package import NIOHTTP1
import NIOPosix

/// An HTTP/1.1 client for tests: one connection for each request, no redirects followed.
///
/// An answer that is let go of before its end closes the connection, as a program that ends would.
package struct TestHTTPClient: Sendable {
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  package enum Body: Sendable {
    case bytes(ByteBuffer)
    /// In chunks, as they come.
    case stream(AsyncStream<ByteBuffer>)
  }

  package struct Answer: Sendable {
    package let status: HTTPResponseStatus
    package let headers: HTTPHeaders
    package let body: AnswerBody
  }

  /// The body, piece by piece as it arrives. One reader.
  package struct AnswerBody: AsyncSequence, Sendable {
    package typealias Element = ByteBuffer
    package typealias Failure = any Error
    package typealias AsyncIterator = AsyncThrowingStream<ByteBuffer, any Error>.Iterator

    fileprivate let parts: AsyncThrowingStream<ByteBuffer, any Error>

    package func makeAsyncIterator() -> AsyncIterator { parts.makeAsyncIterator() }

    /// The rest of the body, of at most `limit` bytes.
    package func collect(upTo limit: Int) async throws -> ByteBuffer {
      var whole = ByteBuffer()
      for try await piece in self {
        whole.writeImmutableBuffer(piece)
        guard whole.readableBytes <= limit else {
          throw TestHTTPClient.Failure(description: "the body is too large")
        }
      }
      return whole
    }
  }

  private typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

  package init() {}

  /// Sends a request to `http://127.0.0.1:port…` and returns when the answer's head has come.
  package func send(
    _ method: HTTPMethod, _ url: String, headers: HTTPHeaders, body: Body? = nil
  ) async throws -> Answer {
    let (heads, head) = AsyncThrowingStream.makeStream(of: HTTPResponseHead.self)
    let (parts, part) = AsyncThrowingStream.makeStream(of: ByteBuffer.self)
    let (host, port, target) = try Self.split(url)
    var request = HTTPRequestHead(version: .http1_1, method: method, uri: target, headers: headers)
    if !headers.contains(name: "host") {
      request.headers.add(name: "host", value: "\(host):\(port)")
    }
    switch body {
    case .bytes(let bytes):
      request.headers.replaceOrAdd(name: "content-length", value: "\(bytes.readableBytes)")
    case .stream: request.headers.replaceOrAdd(name: "transfer-encoding", value: "chunked")
    case nil:
      if method == .POST { request.headers.replaceOrAdd(name: "content-length", value: "0") }
    }
    let exchange = Task { [request] in
      do {
        try await Self.exchange(request, body, host, port, head: head, part: part)
        part.finish()
        head.finish()
      } catch {
        head.finish(throwing: error)
        part.finish(throwing: error)
      }
    }
    part.onTermination = { _ in exchange.cancel() }
    return try await withTaskCancellationHandler {
      for try await head in heads {
        return Answer(
          status: head.status, headers: head.headers, body: AnswerBody(parts: parts))
      }
      throw Failure(description: "no answer")
    } onCancel: {
      exchange.cancel()
    }
  }

  private static func exchange(
    _ request: HTTPRequestHead, _ body: Body?, _ host: String, _ port: Int,
    head: AsyncThrowingStream<HTTPResponseHead, any Error>.Continuation,
    part: AsyncThrowingStream<ByteBuffer, any Error>.Continuation
  ) async throws {
    let connection: Connection = try await ClientBootstrap(
      group: MultiThreadedEventLoopGroup.singleton
    )
    .connect(host: host, port: port) { channel in
      channel.eventLoop.makeCompletedFuture {
        try channel.pipeline.syncOperations.addHTTPClientHandlers()
        return try Connection(wrappingChannelSynchronously: channel)
      }
    }
    try await connection.executeThenClose { inbound, outbound in
      try await withThrowingTaskGroup(of: Void.self) { group in
        // Beside the answer, which may come before the body's end.
        group.addTask {
          try await outbound.write(.head(request))
          switch body {
          case .bytes(let bytes): try await outbound.write(.body(.byteBuffer(bytes)))
          case .stream(let pieces):
            for await piece in pieces { try await outbound.write(.body(.byteBuffer(piece))) }
          case nil: break
          }
          try await outbound.write(.end(nil))
        }
        for try await answer in inbound {
          switch answer {
          case .head(let answer): head.yield(answer)
          case .body(let piece): part.yield(piece)
          case .end:
            group.cancelAll()
            return
          }
        }
        throw Failure(description: "the connection was closed within the answer")
      }
    }
  }

  private static func split(_ url: String) throws -> (host: String, port: Int, target: String) {
    let rest = url.dropFirst("http://".count)
    let authority = rest.prefix { $0 != "/" }
    let parts = authority.split(separator: ":")
    guard url.hasPrefix("http://"), parts.count == 2, let port = Int(parts[1]) else {
      throw Failure(description: "not http://host:port: \(url)")
    }
    let target = rest.dropFirst(authority.count)
    return (String(parts[0]), port, target.isEmpty ? "/" : String(target))
  }
}
