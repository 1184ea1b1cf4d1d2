import HTTP2
import NIOCore
import RPC

/// A call of one message each way.
final class UnaryClientCall: ClientCall, @unchecked Sendable {
  // Sendable as its superclass.
  typealias Outcome = Result<UnaryResponse, RPCError>

  /// The message in its envelope.
  private let request: ByteBuffer
  private var continuation: CheckedContinuation<Outcome, Never>?
  private var metadata = Metadata()
  private var reader: EnvelopeReader

  init(
    _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions, shared: ClientShared
  ) throws(RPCError) {
    self.request =
      options.encoding == .gzip ? try Envelope.sealCompressed(request) : Envelope.seal(request)
    reader = EnvelopeReader(messageBytesMax: shared.configuration.messageBytesMax)
    super.init(method, options: options, shared: shared)
  }

  func start(_ continuation: CheckedContinuation<Outcome, Never>) {
    self.continuation = continuation
  }

  override func opened(_ stream: HTTP2Stream, on session: HTTP2Session) {
    super.opened(stream, on: session)
    sentBytes = request.readableBytes
    session.write(stream, request)
    session.finish(stream)
  }

  override func headerArrived(_ head: ResponseHead) throws(RPCError) {
    try super.headerArrived(head)
    metadata = head.metadata
    if let encoding = head.encoding, encoding != .identity {
      reader = EnvelopeReader(messageBytesMax: messageBytesMax, encoding: encoding)
    }
  }

  override func dataArrived(_ bytes: ByteBuffer) throws(RPCError) -> Int {
    receivedBytes += bytes.readableBytes
    reader.append(bytes)
    if let expected = try reader.expectedBytes, reader.bufferedBytes > expected {
      throw RPCError(.internal, "the server sent more than one message")
    }
    // A response is bounded by `messageBytesMax`, and how many there are by our own callers.
    return bytes.readableBytes
  }

  override func statusArrived(_ error: RPCError?, trailers: Metadata) {
    guard !isDone else { return }
    if let error { return fail(error) }
    do throws(RPCError) {
      guard let message = try reader.next() else {
        throw RPCError(.internal, "the response has a status but no message")
      }
      finish(
        .success(
          UnaryResponse(
            message: message.bytes, isCompressed: message.isCompressed, metadata: metadata,
            trailers: trailers)))
      super.statusArrived(nil, trailers: trailers)
    } catch {
      fail(error)
    }
  }

  override func fail(_ error: RPCError) {
    guard !isDone else { return }
    super.fail(error)
    finish(.failure(error))
  }

  private func finish(_ outcome: Outcome) {
    continuation?.resume(returning: outcome)
    continuation = nil
  }
}
