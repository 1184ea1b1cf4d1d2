package import NIOCore
package import Protobuf

/// A way to reach a service: a socket transport or memory.
package protocol RPCChannel: Sendable {
  /// Makes a unary call with an already packed request and returns the packed response.
  func unary(
    _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
  ) async throws(RPCError) -> UnaryResponse

  /// Makes a call of any other shape, for as long as `body` runs: when it returns or throws while
  /// the server is not done, the call is cancelled.
  ///
  /// Throws what `body` throws; what the runtime throws in it is an `RPCError`.
  func stream<Outcome: Sendable>(
    _ method: MethodDescriptor, options: CallOptions,
    _ body: (any ClientStream) async throws -> Outcome
  ) async throws -> Outcome
}

/// The outcome of a successful unary call.
package struct UnaryResponse: Sendable {
  package var message: ByteBuffer
  package var isCompressed: Bool
  /// The initial metadata of the response.
  package var metadata: Metadata
  package var trailers: Metadata

  package init(
    message: ByteBuffer, isCompressed: Bool = false, metadata: Metadata = Metadata(),
    trailers: Metadata = Metadata()
  ) {
    self.message = message
    self.isCompressed = isCompressed
    self.metadata = metadata
    self.trailers = trailers
  }
}

/// Calls with messages; what generated clients call.
extension RPCChannel {
  package func unary<Request: Message, Response: Message>(
    _ method: MethodDescriptor, _ request: Request, as response: Response.Type = Response.self,
    options: CallOptions
  ) async throws(RPCError) -> Response {
    let answer = try await unary(method, request: request.enveloped(), options: options)
    return try Response(response: answer.message)
  }

  /// `send` writes the requests; the response is awaited when it has returned.
  package func clientStreaming<Request: Message, Response: Message>(
    _ method: MethodDescriptor, _ request: Request.Type, as response: Response.Type,
    options: CallOptions, _ send: (RequestWriter<Request>) async throws -> Void
  ) async throws -> Response {
    try await stream(method, options: options) { stream in
      try await send(RequestWriter(stream))
      stream.finish()
      let responses = ResponseStream<Response>(stream)
      guard let response = try await responses.next() else {
        throw RPCError(.internal, "the response has a status but no message")
      }
      guard try await responses.next() == nil else {
        throw RPCError(.internal, "the server sent more than one message")
      }
      return response
    }
  }

  package func serverStreaming<Request: Message, Response: Message, Outcome: Sendable>(
    _ method: MethodDescriptor, _ request: Request, as response: Response.Type,
    options: CallOptions, _ receive: (ResponseStream<Response>) async throws -> Outcome
  ) async throws -> Outcome {
    try await stream(method, options: options) { stream in
      try await stream.write(request.enveloped(), isCompressed: nil)
      stream.finish()
      return try await receive(ResponseStream(stream))
    }
  }

  package func bidirectionalStreaming<Request: Message, Response: Message, Outcome: Sendable>(
    _ method: MethodDescriptor, _ request: Request.Type, as response: Response.Type,
    options: CallOptions,
    _ exchange: (RequestWriter<Request>, ResponseStream<Response>) async throws -> Outcome
  ) async throws -> Outcome {
    try await stream(method, options: options) { stream in
      try await exchange(RequestWriter(stream), ResponseStream(stream))
    }
  }
}

extension ByteBuffer: PackingBuffer {
  package mutating func append(
    byteCount: Int, _ write: (UnsafeMutableRawBufferPointer) -> Void
  ) {
    writeWithUnsafeMutableBytes(minimumWritableBytes: byteCount) { buffer in
      write(UnsafeMutableRawBufferPointer(rebasing: buffer[..<byteCount]))
      return byteCount
    }
  }
}

extension Message {
  /// Decodes the readable bytes of `buffer`.
  package init(unpacking buffer: ByteBuffer) throws(MessageError) {
    do {
      self = try buffer.withUnsafeReadableBytes { try Self(unpacking: $0) }
    } catch let error as MessageError {
      throw error
    } catch {
      // The closure throws no other: only its type has been lost.
      throw .malformed(message: Self.messageName)
    }
  }
}

/// Proves to a server for whom a call is made; which proof depends on the method.
package protocol CallCredentials: AnyObject, Sendable {
  /// What is sent beside a call of `method` to prove it.
  func metadata(for method: MethodDescriptor) async throws(RPCError) -> Metadata

  /// What to send instead of what the server didn't take for a proof; nil when there is nothing
  /// else to show.
  func metadata(
    for method: MethodDescriptor, insteadOf refused: Metadata
  ) async throws(RPCError) -> Metadata?
}

/// What a caller may choose for one call.
package struct CallOptions: Sendable {
  /// How long a call may take when its caller doesn't say.
  package static let defaultTimeout: Duration = .seconds(10)

  /// Sent with the request. Names ending in `-bin` hold bytes.
  package var metadata: Metadata
  /// When the call must have ended; every call has one.
  package var deadline: Deadline
  /// Waits for a connection instead of failing fast while there is none.
  package var waitForReady: Bool
  /// How requests that don't say otherwise are sent.
  package var encoding: MessageEncoding
  /// For channels that ask them; others pass them over.
  package var credentials: (any CallCredentials)?

  package init(
    metadata: Metadata = Metadata(), timeout: Duration = CallOptions.defaultTimeout,
    waitForReady: Bool = false, encoding: MessageEncoding = .identity
  ) {
    self.metadata = metadata
    self.deadline = .after(timeout)
    self.waitForReady = waitForReady
    self.encoding = encoding
  }
}
