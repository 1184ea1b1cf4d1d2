import HTTP2
import NIOCore
import RPC

/// A call with more than one message in a direction: what its handler reads and writes, on the
/// loop.
final class StreamingServerCall: ServerCall, @unchecked Sendable {
  // Sendable as its superclass.

  /// A server-streaming method starts when its request is complete, or this much of it is there:
  /// more needs the credit that a waiting handler gives.
  private static let unstartedBytesMax = 32 << 10

  private var inbound: InboundMessages
  private var gate = WriteGate()
  private var hasSentHeader = false

  override init(
    _ stream: HTTP2Stream, _ head: RequestHead, timeout: TimeAmount?, started: NIODeadline,
    on connection: ServerConnection
  ) {
    inbound = InboundMessages(
      EnvelopeReader(messageBytesMax: connection.shared.messageBytesMax, encoding: head.encoding))
    super.init(stream, head, timeout: timeout, started: started, on: connection)
  }

  // MARK: Requests

  override func dataArrived(_ bytes: ByteBuffer) {
    inbound.append(bytes)
    if receivedBytes > Self.unstartedBytesMax { connection.gate.start(self) }
    giveCredit()
  }

  override func requestEnded() {
    inbound.end()
    connection.gate.start(self)
  }

  /// A large message of this call may come.
  override func wasReserved() {
    inbound.reserve(reservedBytes)
    giveCredit()
  }

  /// The sender may send more when the handler has taken a message, and as much as a large message
  /// needs when the handler waits for it.
  ///
  /// A message over half a window counts as large: nghttp2 announces credit by half windows, so
  /// that the other half may be all that its sender has.
  private func giveCredit() {
    if wantedBytes > 0, !inbound.isAwaited { connection.gate.release(self) }
    if wantedBytes == 0, let expected = inbound.awaitedBytes,
      expected > connection.shared.streamWindowBytes / 2
    {
      wantedBytes = expected
      connection.gate.reserve(for: self)
    }
    let credit = inbound.takeCredit(forMessageUnderWay: reservedBytes > 0)
    guard credit > 0 else { return }
    connection.session?.consumedOnStream(stream, credit)
    connection.setNeedsFlush()
  }

  private func takeMessage() -> InboundMessages.Next? {
    guard let next = inbound.take() else { return nil }
    giveCredit()
    return next
  }

  private func awaitMessage(_ waiter: InboundMessages.Waiter) {
    inbound.wait(waiter)
    giveCredit()
  }

  // MARK: The handler

  override func run() {
    guard let handler = head.route.streaming,
      let context = beginHandler(isRequestCompressed: false)
    else { return }
    CallScope.$current.withValue(context) {
      // Unstructured, as a unary call's.
      let task = Task.immediate(executorPreference: connection.executor) {
        let failure: RPCError?
        do {
          try await handler(self, self, context)
          failure = self.ending(of: context, nil)
        } catch {
          failure = self.ending(of: context, error) ?? RPCError(answering: error)
        }
        self.handlerEnded(failure)
      }
      keep(task)
    }
  }

  private func handlerEnded(_ failure: RPCError?) {
    guard eventLoop.inEventLoop else {
      return eventLoop.execute { self.handlerEnded(failure) }
    }
    endHandler()
    if phase == .running { finish(failure) }
    releaseIfClosed()
  }

  override func streamClosed() {
    stopHandler()
    super.streamClosed()
  }

  // MARK: Responses

  /// Queues a sealed message behind the initial metadata, or with nil only that; false when the
  /// writer should wait then.
  private func enqueue(_ sealed: ByteBuffer?) -> Result<Bool, RPCError> {
    guard phase == .running, !stream.isClosed, let session = connection.session else {
      return .failure(ending)
    }
    do {
      try sendHeader(on: session)
    } catch {
      return .failure(RPCError(.unavailable, "the stream is closed"))
    }
    if let sealed {
      sentBytes += sealed.readableBytes
      session.write(stream, sealed)
    }
    connection.setNeedsFlush()
    return .success(WriteGate.isOpen(stream))
  }

  private func sendHeader(on session: HTTP2Session) throws(HTTP2Error) {
    guard !hasSentHeader else { return }
    hasSentHeader = true
    // Whether a message will be compressed isn't known yet: naming the encoding binds to nothing.
    try session.respond(
      stream,
      ResponseFields.initial(response.initial, encoding: head.acceptsGzip ? .gzip : .identity),
      endOfStream: false)
  }

  /// The same from another thread: `waiter` hears when there is room.
  private func enqueue(_ sealed: ByteBuffer?, thenResume waiter: WriteGate.Waiter) {
    switch enqueue(sealed) {
    case .success(true): waiter.resume(returning: .success(()))
    case .success(false): awaitRoom(waiter)
    case .failure(let error): waiter.resume(returning: .failure(error))
    }
  }

  private func awaitRoom(_ waiter: WriteGate.Waiter) {
    guard !stream.isClosed, phase == .running else {
      return waiter.resume(returning: .failure(ending))
    }
    guard !WriteGate.isOpen(stream) else { return waiter.resume(returning: .success(())) }
    gate.wait(waiter, for: stream)
  }

  override func drained() {
    gate.open()
  }

  // MARK: The status

  /// Sends the status, nil for OK, behind what is queued.
  private func finish(_ failure: RPCError?) {
    decided(failure?.code ?? .ok)
    stopHandler()
    guard let session = connection.session, !stream.isClosed else { return }
    if let failure {
      if hasSentHeader {
        session.finish(
          stream, trailers: ResponseFields.failure(failure, trailing: response.trailing))
      } else {
        sendFailure(failure, on: session)
      }
    } else if (try? sendHeader(on: session)) != nil {
      session.finish(stream, trailers: ResponseFields.success(response.trailing))
    }
    connection.setNeedsFlush()
  }

  override func fail(_ error: RPCError) {
    if phase != .answered { finish(error) }
  }

  /// The handler hears that there is nothing more to read or write.
  private func stopHandler() {
    let reason = ending
    inbound.abort(reason)
    gate.fail(reason)
  }

  /// Why reading and writing are over.
  private var ending: RPCError {
    if let deadline, deadline.hasPassed {
      return RPCError(.deadlineExceeded, "the deadline passed before the answer")
    }
    return RPCError(.cancelled, "the call has ended")
  }
}

/// What the handler sees of it. Handlers mostly run on the connection's loop, and then neither
/// direction changes threads; from elsewhere each operation hops to the loop.
extension StreamingServerCall: MessageSource, ResponseSink {
  func next() async throws(RPCError) -> ReceivedMessage? {
    if eventLoop.inEventLoop, let next = takeMessage() { return try next.get() }
    let next = await eventLoop.wait {
      self.awaitMessage($0)
    } giveUp: {
      self.inbound.cancelWait()
    }
    return try next.get()
  }

  func sendMetadata() async throws(RPCError) {
    try await send(nil)
  }

  func write(_ message: ByteBuffer, isCompressed: Bool?) async throws(RPCError) {
    let isCompressed = head.acceptsGzip && (isCompressed ?? response.isCompressed)
    try await send(isCompressed ? Envelope.sealCompressed(message) : Envelope.seal(message))
  }

  /// Queues a sealed message, or with nil the initial metadata only, and waits for room.
  private func send(_ sealed: ByteBuffer?) async throws(RPCError) {
    let isOnLoop = eventLoop.inEventLoop
    if isOnLoop, try enqueue(sealed).get() { return }
    let outcome = await eventLoop.wait { waiter in
      if isOnLoop { self.awaitRoom(waiter) } else { self.enqueue(sealed, thenResume: waiter) }
    } giveUp: {
      self.gate.fail(RPCError(.cancelled, "the writer was cancelled"))
    }
    try outcome.get()
  }
}
