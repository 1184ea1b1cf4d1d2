import HTTP2
import NIOCore
import RPC

/// A call of one message each way: the handler starts when the request is complete.
final class UnaryServerCall: ServerCall, @unchecked Sendable {
  // Sendable as its superclass.

  /// The request, once it is complete.
  @exclusivity(unchecked) private var request: ReceivedMessage?
  /// Else its pieces.
  private var reader: EnvelopeReader

  override init(
    _ stream: HTTP2Stream, _ head: RequestHead, timeout: TimeAmount?, started: NIODeadline,
    on connection: ServerConnection
  ) {
    reader = EnvelopeReader(
      messageBytesMax: connection.shared.messageBytesMax, encoding: head.encoding)
    super.init(stream, head, timeout: timeout, started: started, on: connection)
  }

  // MARK: The request

  override func dataArrived(_ bytes: ByteBuffer) {
    let connection = connection
    // Most come in one piece.
    if receivedBytes == bytes.readableBytes,
      let message = Envelope.message(
        of: bytes, messageBytesMax: connection.shared.messageBytesMax)
    {
      request = ReceivedMessage(message)
      return
    }
    do throws(RPCError) {
      try pieceArrived(bytes)
    } catch {
      fail(error)
    }
  }

  private func pieceArrived(_ bytes: ByteBuffer) throws(RPCError) {
    let connection = connection
    guard request == nil else { throw Self.secondMessage }
    reader.append(bytes)
    let expected = try reader.expectedBytes ?? .max
    guard reader.bufferedBytes <= expected else { throw Self.secondMessage }
    if reservedBytes == 0, reader.bufferedBytes < expected {
      guard connection.gate.addUnfinished(bytes.readableBytes, of: self) else {
        throw RPCError(.resourceExhausted, "too many unfinished requests")
      }
      reader.detach()
    }
    if reservedBytes > 0 {
      connection.session?.consumedOnStream(stream, bytes.readableBytes)
    } else if wantedBytes == 0, expected != .max, expected > connection.shared.streamWindowBytes {
      wantedBytes = expected
      connection.gate.reserve(for: self)
    }
  }

  private static let secondMessage = RPCError(.unimplemented, "a unary method takes one message")

  /// The whole message may be held: its sender gets credit for what it has used.
  override func wasReserved() {
    connection.gate.finishRequest(of: self)
    connection.session?.consumedOnStream(stream, reader.bufferedBytes)
    reader.reserve(reservedBytes)
  }

  override func requestEnded() {
    guard phase == .receiving else { return }
    guard request == nil else { return connection.gate.start(self) }
    connection.gate.finishRequest(of: self)
    do throws(RPCError) {
      guard let message = try reader.next(), reader.bufferedBytes == 0 else {
        throw RPCError(.internal, "the request ended without a complete message")
      }
      request = message
      connection.gate.start(self)
    } catch {
      fail(error)
    }
  }

  // MARK: The handler

  override func run() {
    let route = head.route
    guard let message = request, let handler = route.unary else { return }
    request = nil
    guard let context = beginHandler(isRequestCompressed: message.isCompressed) else { return }
    let request = message.bytes
    // Set here, a new task takes it along; set in the task it would cost frames of it.
    CallScope.$current.withValue(context) {
      // Unstructured: the task belongs to the stream, whose end cancels it. It starts right here
      // and is over on return if the handler never waits.
      let task = Task.immediate(executorPreference: connection.executor) {
        let result: Result<ByteBuffer, RPCError>
        do {
          let response = try await handler(request, context)
          result = self.ending(of: context, nil).map { .failure($0) } ?? .success(response)
        } catch {
          result = .failure(self.ending(of: context, error) ?? RPCError(answering: error))
        }
        self.handlerEnded(result)
      }
      keep(task)
    }
  }

  private func handlerEnded(_ result: Result<ByteBuffer, RPCError>) {
    guard eventLoop.inEventLoop else {
      return eventLoop.execute { self.handlerEnded(result) }
    }
    endHandler()
    if phase == .running {
      switch result {
      case .success(let message): connection.gate.answerOrHold(self, message)
      case .failure(let error): fail(error)
      }
    }
    releaseIfClosed()
  }

  // MARK: The answer

  func answer(_ message: ByteBuffer) {
    let connection = connection
    connection.gate.finishRequest(of: self)
    guard let session = connection.session, !stream.isClosed else { return decided(.ok) }
    do {
      try send(message, on: session)
      decided(.ok)
    } catch let error as RPCError {
      sendFailure(error, on: session)
      decided(error.code)
    } catch {
      // The stream is on its way out and takes no answer.
      decided(.ok)
    }
    connection.setNeedsFlush()
  }

  private func send(_ message: ByteBuffer, on session: HTTP2Session) throws {
    guard let response = context?.responseIfSet else {
      let sealed = Envelope.seal(message)
      try session.respond(stream, ResponseFields.plain, endOfStream: false)
      sentBytes = sealed.readableBytes
      session.write(stream, sealed)
      session.finish(stream, trailers: ResponseFields.plainSuccess)
      return
    }
    let isCompressed = head.acceptsGzip && response.isCompressed
    let sealed = isCompressed ? try Envelope.sealCompressed(message) : Envelope.seal(message)
    try session.respond(
      stream,
      ResponseFields.initial(response.initial, encoding: isCompressed ? .gzip : .identity),
      endOfStream: false)
    sentBytes = sealed.readableBytes
    session.write(stream, sealed)
    session.finish(stream, trailers: ResponseFields.success(response.trailing))
  }

  override func fail(_ error: RPCError) {
    guard phase != .answered else { return }
    connection.gate.finishRequest(of: self)
    if let session = connection.session, !stream.isClosed {
      sendFailure(error, on: session)
      connection.setNeedsFlush()
    }
    decided(error.code)
  }
}
