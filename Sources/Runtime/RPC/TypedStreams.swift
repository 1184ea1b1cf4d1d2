package import NIOCore
package import Protobuf

/// What a server's handler reads from its client.
package struct RequestStream<Request: Message>: AsyncSequence, Sendable {
  private let source: any MessageSource

  package init(_ source: any MessageSource) {
    self.source = source
  }

  /// The next request, or nil when the client has finished. A malformed one is INVALID_ARGUMENT.
  package func next() async throws(RPCError) -> Request? {
    try await nextReceived()?.message
  }

  /// Like `next`, with whether the message came compressed.
  package func nextReceived() async throws(RPCError) -> (message: Request, isCompressed: Bool)? {
    guard let received = try await source.next() else { return nil }
    return (try Request(request: received.bytes), received.isCompressed)
  }

  package func makeAsyncIterator() -> MessageIterator<Request> {
    MessageIterator { () async throws(RPCError) in try await next() }
  }
}

/// Where a server's handler writes its responses.
package struct ResponseWriter<Response: Message>: Sendable {
  private let sink: any ResponseSink

  package init(_ sink: any ResponseSink) {
    self.sink = sink
  }

  /// Returns when there is room for more: a slow client slows its handler down.
  package func write(_ response: Response, isCompressed: Bool? = nil) async throws(RPCError) {
    try await sink.write(response.enveloped(), isCompressed: isCompressed)
  }

  /// Sends the initial metadata now, before there is a response.
  package func sendMetadata() async throws(RPCError) {
    try await sink.sendMetadata()
  }
}

/// What a client reads from its server; ends with nil after status OK and throws any other status.
package struct ResponseStream<Response: Message>: AsyncSequence, Sendable {
  private let stream: any ClientStream

  package init(_ stream: any ClientStream) {
    self.stream = stream
  }

  package func next() async throws(RPCError) -> Response? {
    try await nextReceived()?.message
  }

  /// Like `next`, with whether the message came compressed.
  package func nextReceived() async throws(RPCError) -> (message: Response, isCompressed: Bool)? {
    guard let received = try await stream.next() else { return nil }
    return (try Response(response: received.bytes), received.isCompressed)
  }

  /// Waits for the beginning of the answer.
  package var metadata: Metadata {
    get async throws(RPCError) { try await stream.initialMetadata() }
  }

  /// Empty until the stream has ended.
  package var trailers: Metadata { stream.trailers }

  package func makeAsyncIterator() -> MessageIterator<Response> {
    MessageIterator { () async throws(RPCError) in try await next() }
  }
}

/// Where a client writes its requests.
package struct RequestWriter<Request: Message>: Sendable {
  private let stream: any ClientStream

  package init(_ stream: any ClientStream) {
    self.stream = stream
  }

  /// Returns when there is room for more: a slow server slows its client down.
  package func write(_ request: Request, isCompressed: Bool? = nil) async throws(RPCError) {
    try await stream.write(request.enveloped(), isCompressed: isCompressed)
  }

  /// Tells the server that this was all; also done when the call's closure returns.
  package func finish() {
    stream.finish()
  }
}

/// Lets `for try await` run over a stream's messages.
package struct MessageIterator<Element>: AsyncIteratorProtocol {
  private let take: () async throws(RPCError) -> Element?

  init(_ take: @escaping () async throws(RPCError) -> Element?) {
    self.take = take
  }

  package mutating func next() async throws(RPCError) -> Element? {
    try await take()
  }

  package mutating func next(
    isolation actor: isolated (any Actor)?
  ) async throws(RPCError) -> Element? {
    try await take()
  }
}

extension Message {
  /// Packed, with the envelope's prefix in front, which `Envelope.seal` then only has to uncover.
  package func enveloped() -> ByteBuffer {
    var envelope = EnvelopeBuffer()
    pack(into: &envelope)
    return envelope.message
  }

  /// A request of a client; malformed bytes are INVALID_ARGUMENT.
  package init(request bytes: ByteBuffer) throws(RPCError) {
    do throws(MessageError) {
      self = try Self(unpacking: bytes)
    } catch {
      throw RPCError(undecodable: error)
    }
  }

  /// A response of a server; malformed bytes are INTERNAL.
  init(response bytes: ByteBuffer) throws(RPCError) {
    do {
      self = try Self(unpacking: bytes)
    } catch {
      throw RPCError(.internal, "the response could not be decoded", detail: "\(error)")
    }
  }
}

/// Takes a message that is packed in one piece together with its prefix.
private struct EnvelopeBuffer: PackingBuffer {
  private(set) var message = ByteBuffer()

  mutating func append(byteCount: Int, _ write: (UnsafeMutableRawBufferPointer) -> Void) {
    guard message.writerIndex == 0 else {
      // Not in one piece; sealing finds that the prefix is wrong.
      return message.append(byteCount: byteCount, write)
    }
    let prefixBytes = Envelope.prefixBytes
    message.writeWithUnsafeMutableBytes(minimumWritableBytes: prefixBytes + byteCount) { room in
      room[0] = 0
      room.storeBytes(
        of: UInt32(truncatingIfNeeded: byteCount).bigEndian, toByteOffset: 1, as: UInt32.self)
      write(UnsafeMutableRawBufferPointer(rebasing: room[prefixBytes..<prefixBytes + byteCount]))
      return prefixBytes + byteCount
    }
    message.moveReaderIndex(to: prefixBytes)
  }
}

extension RPCError {
  /// INVALID_ARGUMENT: the client has sent what isn't the message; names the field, if one is at
  /// fault.
  fileprivate init(undecodable error: MessageError) {
    let details = error.field.map { field in
      [ErrorDetail.badRequest(field: field, description: error.reason)]
    }
    self.init(.invalidArgument, "\(error)", details: details ?? [])
  }
}
