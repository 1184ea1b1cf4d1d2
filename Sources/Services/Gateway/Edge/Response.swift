package import HTTPTypes
package import NIOCore

/// What a route answers.
package struct Response: Sendable {
  package var status: HTTPResponse.Status
  package var headers: HTTPFields
  package private(set) var body: ResponseBody

  /// Says how long the body is, where that is known and not said yet.
  package init(
    status: HTTPResponse.Status, headers: HTTPFields = HTTPFields(),
    body: ResponseBody = ResponseBody()
  ) {
    (self.status, self.headers, self.body) = (status, headers, body)
    if let length = body.contentLength, self.headers[.contentLength] == nil {
      self.headers[.contentLength] = "\(length)"
    }
  }

  /// The same without its body (RFC 9110, 9.3.2).
  func withoutBody() -> Response {
    var response = self
    response.body = ResponseBody()
    return response
  }

  var head: HTTPResponse { HTTPResponse(status: status, headerFields: headers) }
}

/// The body of an answer: bytes, or what will be written while it is sent.
package struct ResponseBody: Sendable {
  enum Content: Sendable {
    case bytes(ByteBuffer)
    case written(@Sendable (ResponseBodyWriter) async throws -> Void)
  }

  let content: Content

  /// None.
  package init() { content = .bytes(ByteBuffer()) }

  package init(byteBuffer: ByteBuffer) { content = .bytes(byteBuffer) }

  /// One of unknown length. When `write` throws, the answer breaks off, so that the client
  /// notices.
  package init(_ write: @escaping @Sendable (ResponseBodyWriter) async throws -> Void) {
    content = .written(write)
  }

  /// In bytes; nil where it will be known at the end only.
  package var contentLength: Int? {
    switch content {
    case .bytes(let bytes): bytes.readableBytes
    case .written: nil
    }
  }
}

/// Sends the body of an answer, piece by piece.
package struct ResponseBodyWriter: Sendable {
  let stream: ServerStream

  /// Sends `piece`; waits while the client doesn't read.
  ///
  /// - Throws: when the client has left.
  package func write(_ piece: ByteBuffer) async throws { try await stream.write(piece) }

  /// Ends the body; may be left out where there are no trailer fields.
  package func finish(_ trailers: HTTPFields? = nil) async throws {
    stream.finish(trailers)
  }
}
