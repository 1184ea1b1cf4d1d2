package import NIOCore
package import Protobuf

/// A way to reach a service: a socket transport or memory.
package protocol RPCChannel: Sendable {
  /// Makes a unary call with an already packed request and returns the packed response.
  func unary(
    _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
  ) async throws(RPCError) -> UnaryResponse
}

/// The outcome of a successful unary call.
package struct UnaryResponse: Sendable {
  package var message: ByteBuffer
  /// The initial metadata of the response.
  package var metadata: Metadata
  package var trailers: Metadata

  package init(
    message: ByteBuffer, metadata: Metadata = Metadata(), trailers: Metadata = Metadata()
  ) {
    self.message = message
    self.metadata = metadata
    self.trailers = trailers
  }
}

extension RPCChannel {
  /// Makes a unary call with messages; what generated clients call.
  package func unary<Request: Message, Response: Message>(
    _ method: MethodDescriptor, _ request: Request, as response: Response.Type = Response.self,
    options: CallOptions
  ) async throws(RPCError) -> Response {
    var buffer = Envelope.messageBuffer()
    request.pack(into: &buffer)
    let answer = try await unary(method, request: buffer, options: options)
    do {
      return try Response(unpacking: answer.message)
    } catch {
      throw RPCError(.internal, "the response could not be decoded", detail: "\(error)")
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
    let result = buffer.withUnsafeReadableBytes { bytes in
      Result { () throws(MessageError) in try Self(unpacking: bytes) }
    }
    self = try result.get()
  }
}
