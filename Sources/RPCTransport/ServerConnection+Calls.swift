internal import HTTP2
internal import NIOCore
internal import RPC

extension ServerConnection {
  func call(of stream: HTTP2Stream) -> ServerCall? {
    stream.attachment.map { unsafeDowncast($0, to: ServerCall.self) }
  }

  // MARK: Requests

  func open(_ stream: HTTP2Stream, _ header: HeaderBlock, endOfStream: Bool) {
    let configuration = shared.configuration
    do throws(RequestHead.Refusal) {
      let head = try RequestHead(header, router: shared.router)
      let timeout = min(
        head.timeout ?? configuration.callDurationMax, configuration.callDurationMax)
      let call = ServerCall(
        stream, head, timeout: timeout, messageBytesMax: configuration.messageBytesMax)
      stream.attachment = call
      if timeout <= .zero { return expire(call) }
      watch(call)
      if endOfStream { requestEnded(stream) }
    } catch {
      refuse(stream, error)
    }
  }

  private func refuse(_ stream: HTTP2Stream, _ refusal: RequestHead.Refusal) {
    switch refusal {
    case .http(let status, let reason):
      try? session?.respond(stream, ResponseFields.http(status: status), endOfStream: false)
      session?.write(stream, ByteBuffer(string: reason + "\n"))
      session?.finish(stream)
    case .status(let error):
      let fields = ResponseFields.failure(error, initial: Metadata(), trailing: Metadata())
      try? session?.respond(stream, fields, endOfStream: true)
    }
  }

  func received(_ bytes: ByteBuffer, on stream: HTTP2Stream) {
    let count = bytes.readableBytes
    session?.consumedOnConnection(count)
    guard let call = call(of: stream), call.phase == .receiving else {
      session?.consumedOnStream(stream, count)
      return
    }
    call.reader.append(bytes)
    do throws(RPCError) {
      guard let expected = try call.reader.expectedBytes else { return }
      guard call.reader.bufferedBytes <= expected else {
        throw RPCError(.unimplemented, "a unary method takes one message")
      }
      if call.reservedBytes > 0 {
        session?.consumedOnStream(stream, count)
      } else if call.wantedBytes == 0, expected > HTTP2Limits.streamWindowBytesDefault {
        call.wantedBytes = expected
        if receiveBudget.reserve(expected, for: call) { grant(call) }
      }
    } catch {
      answer(call, .failure(error))
    }
  }

  /// The call may hold its whole message: its sender gets credit for what it has used.
  private func grant(_ call: ServerCall) {
    session?.consumedOnStream(call.stream, call.reader.bufferedBytes)
    call.reader.reserve(call.reservedBytes)
  }

  func requestEnded(_ stream: HTTP2Stream) {
    guard let call = call(of: stream), call.phase == .receiving else { return }
    do throws(RPCError) {
      guard let message = try call.reader.next(), call.reader.bufferedBytes == 0 else {
        throw RPCError(.internal, "the request ended without a complete message")
      }
      try run(call, message.bytes)
    } catch {
      answer(call, .failure(error))
    }
  }

  // MARK: Handlers

  private func run(_ call: ServerCall, _ message: ByteBuffer) throws(RPCError) {
    guard handlersRunning < shared.configuration.concurrentStreamsMax else {
      // Streams that were reset still have their handlers: the client may try again elsewhere.
      call.phase = .answered
      session?.reset(call.stream, .refusedStream)
      return
    }
    handlersRunning += 1
    call.phase = .running
    call.isHandlerRunning = true
    let context = ServerContext(
      method: call.head.route.descriptor, metadata: call.head.metadata, deadline: call.deadline,
      peer: peer, response: call.response)
    // Unstructured: the task belongs to the stream, whose end cancels it. It starts right here and
    // is over on return if the handler never waits.
    let task = Task.immediate(executorPreference: executor) {
      let result: Result<ByteBuffer, RPCError>
      do throws(RPCError) {
        result = .success(
          try await call.head.route.answer(message, context, logger: self.shared.logger))
      } catch {
        result = .failure(error)
      }
      self.handlerEnded(call, result)
    }
    if call.isHandlerRunning { call.task = task }
  }

  private func handlerEnded(_ call: ServerCall, _ result: Result<ByteBuffer, RPCError>) {
    guard channel.eventLoop.inEventLoop else {
      return channel.eventLoop.execute { self.handlerEnded(call, result) }
    }
    handlersRunning -= 1
    call.isHandlerRunning = false
    call.task = nil
    if call.phase == .running { answer(call, result) }
    if call.stream.isClosed { release(call) }
  }

  // MARK: Answers

  private func answer(_ call: ServerCall, _ result: Result<ByteBuffer, RPCError>) {
    call.phase = .answered
    guard let session, !call.stream.isClosed else { return }
    do {
      switch result {
      case .success(let message):
        guard session.outboundBytes + message.readableBytes <= ServerShared.outboundBytesMax else {
          throw RPCError(.resourceExhausted, "too many answers wait for this connection's reader")
        }
        try session.respond(
          call.stream, ResponseFields.initial(call.response.initial), endOfStream: false)
        session.write(call.stream, Envelope.seal(message))
        session.finish(call.stream, trailers: ResponseFields.success(call.response.trailing))
      case .failure(let error):
        try sendFailure(error, call)
      }
    } catch let error as RPCError {
      try? sendFailure(error, call)
    } catch {
      // The stream is on its way out and takes no answer.
    }
    setNeedsFlush()
  }

  private func sendFailure(_ error: RPCError, _ call: ServerCall) throws {
    let fields = ResponseFields.failure(
      error, initial: call.response.initial, trailing: call.response.trailing)
    try session?.respond(call.stream, fields, endOfStream: true)
  }

  /// The deadline has passed: the handler is told, the client gets its status, and an answer that
  /// nobody reads is dropped.
  func expire(_ call: ServerCall) {
    call.task?.cancel()
    if call.phase == .answered {
      session?.reset(call.stream, .cancel)
    } else {
      answer(
        call, .failure(RPCError(.deadlineExceeded, "the deadline passed before the answer")))
    }
    setNeedsFlush()
  }

  /// The stream is over, by whichever side; a handler that still runs is told to stop and keeps its
  /// place until it has.
  func closed(_ stream: HTTP2Stream) {
    guard let call = call(of: stream) else { return }
    stream.attachment = nil
    call.phase = .answered
    call.task?.cancel()
    if !call.isHandlerRunning { release(call) }
  }

  private func release(_ call: ServerCall) {
    guard call.wantedBytes > 0 else { return }
    for next in receiveBudget.release(call) { grant(next) }
    setNeedsFlush()
  }
}
