internal import HTTP2
internal import Metrics
internal import NIOCore
internal import RPC
internal import Synchronization

extension ServerConnection {
  func call(of stream: HTTP2Stream) -> ServerCall? {
    stream.attachment.map { unsafeDowncast($0, to: ServerCall.self) }
  }

  // MARK: Requests

  func open(_ stream: HTTP2Stream, _ header: HeaderBlock, endOfStream: Bool) {
    streams.add(1)
    do throws(RequestHead.Refusal) {
      let head = try RequestHead(header, router: shared.router)
      let timeout = self.timeout(of: head)
      let call = ServerCall(stream, head, timeout: timeout, started: life.lastRead, on: self)
      stream.attachment = call
      if let timeout, timeout <= .zero { return expire(call) }
      watch(call)
      if call.isStreaming, head.route.descriptor.shape != .serverStreaming {
        startStreaming(call)
      }
      if endOfStream { requestEnded(stream) }
    } catch {
      refuse(stream, header, error, endOfStream: endOfStream)
    }
  }

  private func timeout(of head: RequestHead) -> TimeAmount? {
    guard let latest = head.route.isUnary ? shared.callTimeoutMax : shared.streamTimeoutMax else {
      return head.timeout
    }
    return min(head.timeout ?? latest, latest)
  }

  private func refuse(
    _ stream: HTTP2Stream, _ header: HeaderBlock, _ refusal: RequestHead.Refusal,
    endOfStream: Bool
  ) {
    switch refusal {
    case .http(let status, let reason):
      refuse(stream, header, status: status, reason: reason, endOfStream: endOfStream)
    case .status(let error):
      shared.metrics.unknownMethod.callStarted()
      shared.metrics.unknownMethod.callEnded(
        error.code, nanoseconds: 0, sentBytes: 0, receivedBytes: 0)
      let fields = ResponseFields.failure(error, initial: Metadata(), trailing: Metadata())
      try? session?.respond(stream, fields, endOfStream: true)
    }
  }

  func received(_ bytes: ByteBuffer, on stream: HTTP2Stream) {
    let count = bytes.readableBytes
    guard let call = call(of: stream), call.phase != .answered else {
      session?.consumedOnConnection(count)
      if !received(count, onRefused: stream) { session?.consumedOnStream(stream, count) }
      return
    }
    call.receivedBytes += count
    session?.consumedOnConnection(count)
    guard !call.isStreaming else { return received(bytes, on: call) }
    if call.receivedBytes == count,
      let request = Envelope.message(of: bytes, messageBytesMax: shared.messageBytesMax)
    {
      call.request = request
      return
    }
    do throws(RPCError) {
      guard call.request == nil else {
        throw RPCError(.unimplemented, "a unary method takes one message")
      }
      call.reader.append(bytes)
      let expected = try call.reader.expectedBytes ?? .max
      guard call.reader.bufferedBytes <= expected else {
        throw RPCError(.unimplemented, "a unary method takes one message")
      }
      if call.reservedBytes == 0, call.reader.bufferedBytes < expected {
        try unfinished(count, of: call)
      }
      if call.reservedBytes > 0 {
        session?.consumedOnStream(stream, count)
      } else if call.wantedBytes == 0, expected != .max, expected > shared.streamWindowBytes {
        call.wantedBytes = expected
        if receiveBudget.reserve(expected, for: call) { grant(call) } else { retryReceiving() }
      }
    } catch {
      answer(call, Result<ByteBuffer, RPCError>.failure(error))
    }
  }

  /// Requests that arrive slowly, or never whole, may not take much memory together; a connection
  /// that has little of it is let be.
  private func unfinished(_ byteCount: Int, of call: ServerCall) throws(RPCError) {
    call.unfinishedBytes += byteCount
    unfinishedBytes += byteCount
    let total = shared.unfinishedBytes.add(byteCount, ordering: .relaxed).newValue
    guard
      total <= shared.configuration.unfinishedRequestBytesMax
        || unfinishedBytes <= ServerShared.unfinishedBytesAllowance
    else {
      throw RPCError(.resourceExhausted, "too many unfinished requests")
    }
    call.reader.detach()
  }

  private func finished(_ call: ServerCall) {
    guard call.unfinishedBytes > 0 else { return }
    unfinishedBytes -= call.unfinishedBytes
    shared.unfinishedBytes.subtract(call.unfinishedBytes, ordering: .relaxed)
    call.unfinishedBytes = 0
  }

  /// Looks again after a while: other connections may have given leave back.
  func retryReceiving() {
    guard !isReceiveRetryScheduled else { return }
    isReceiveRetryScheduled = true
    eventLoop.scheduleTask(in: HeldCalls.retryInterval) {
      self.isReceiveRetryScheduled = false
      for call in self.receiveBudget.grantWaiting() { self.grant(call) }
      self.setNeedsFlush()
      if self.receiveBudget.hasWaiting { self.retryReceiving() }
    }
  }

  /// The call may hold its whole message: its sender gets credit for what it has used.
  private func grant(_ call: ServerCall) {
    guard !call.isStreaming else { return grantStreaming(call) }
    finished(call)
    session?.consumedOnStream(call.stream, call.reader.bufferedBytes)
    call.reader.reserve(call.reservedBytes)
  }

  func requestEnded(_ stream: HTTP2Stream) {
    guard let call = call(of: stream) else { return refusedRequestEnded(stream.id) }
    if call.isStreaming {
      call.inbound.end()
      return startStreaming(call)
    }
    guard call.phase == .receiving else { return }
    if let request = call.request {
      call.request = nil
      return start(call, ReceivedMessage(request))
    }
    finished(call)
    do throws(RPCError) {
      guard let message = try call.reader.next(), call.reader.bufferedBytes == 0 else {
        throw RPCError(.internal, "the request ended without a complete message")
      }
      start(call, message)
    } catch {
      answer(call, Result<ByteBuffer, RPCError>.failure(error))
    }
  }

  private func start(_ call: ServerCall, _ message: ReceivedMessage) {
    if mayStartHandler() { run(call, message) } else { hold(call, request: message) }
  }

  // MARK: Handlers

  func run(_ call: ServerCall, _ message: ReceivedMessage) {
    let route = call.head.route
    guard let handler = route.unary,
      let context = begin(call, isRequestCompressed: message.isCompressed)
    else { return }
    do throws(RPCError) {
      try route.begin(context, shared.logger)
    } catch {
      return handlerEnded(call, Result<ByteBuffer, RPCError>.failure(error))
    }
    let request = message.bytes
    // Set here, a new task takes it along; set in the task it would cost frames of it.
    CallScope.$current.withValue(context) {
      // Unstructured: the task belongs to the stream, whose end cancels it. It starts right here and
      // is over on return if the handler never waits.
      let task = Task.immediate(executorPreference: executor) {
        let result: Result<ByteBuffer, RPCError>
        do {
          let response = try await handler(request, context)
          result = self.ended(route, context, nil).map { .failure($0) } ?? .success(response)
        } catch {
          result = .failure(self.ended(route, context, error) ?? RPCError(answering: error))
        }
        self.handlerEnded(call, result)
      }
      if call.isHandlerRunning { call.task = task }
    }
  }

  func runStreaming(_ call: ServerCall) {
    let route = call.head.route
    guard let handler = route.streaming,
      let context = begin(call, isRequestCompressed: false)
    else { return }
    do throws(RPCError) {
      try route.begin(context, shared.logger)
    } catch {
      return handlerEnded(call, Result<Void, RPCError>.failure(error))
    }
    CallScope.$current.withValue(context) {
      let task = Task.immediate(executorPreference: executor) {
        let failure: RPCError?
        do {
          try await handler(call, call, context)
          failure = self.ended(route, context, nil)
        } catch {
          failure = self.ended(route, context, error) ?? RPCError(answering: error)
        }
        self.handlerEnded(call, failure.map { .failure($0) } ?? .success(()))
      }
      if call.isHandlerRunning { call.task = task }
    }
  }

  /// What the peer gets now that the handler has returned or thrown.
  private func ended(
    _ route: Route, _ context: ServerContext, _ error: (any Error)?
  ) -> RPCError? {
    route.end(context, error, shared.logger)
  }

  /// Takes a place for a handler; nil when there is none.
  private func begin(_ call: ServerCall, isRequestCompressed: Bool) -> ServerContext? {
    guard handlers.value < shared.concurrentStreamsMax else {
      // Streams that were reset still have their handlers: the client may try again elsewhere.
      call.decided(.unavailable)
      session?.reset(call.stream, .refusedStream)
      return nil
    }
    handlers.add(1)
    call.phase = .running
    call.isHandlerRunning = true
    let context = ServerContext(
      method: call.head.route.descriptor, metadata: call.head.metadata, deadline: call.deadline,
      peer: peer, isRequestCompressed: isRequestCompressed, started: call.started)
    call.context = context
    return context
  }

  /// Of a unary method.
  private func handlerEnded(_ call: ServerCall, _ result: Result<ByteBuffer, RPCError>) {
    guard eventLoop.inEventLoop else {
      return eventLoop.execute { self.handlerEnded(call, result) }
    }
    handlerEnded(call)
    if call.phase == .running { answerOrHold(call, result) }
    if call.stream.isClosed { release(call) }
  }

  /// Of a streaming method.
  private func handlerEnded(_ call: ServerCall, _ result: Result<Void, RPCError>) {
    guard eventLoop.inEventLoop else {
      return eventLoop.execute { self.handlerEnded(call, result) }
    }
    handlerEnded(call)
    if call.phase == .running { answer(call, result) }
    if call.stream.isClosed { release(call) }
  }

  private func handlerEnded(_ call: ServerCall) {
    handlers.add(-1)
    call.isHandlerRunning = false
    call.task = nil
    // The connection's last flush may be over.
    if isClosing { tellMeters() }
  }

  // MARK: Answers

  func answer(_ call: ServerCall, _ result: Result<ByteBuffer, RPCError>) {
    defer { call.decided(result.code) }
    finished(call)
    guard let session, !call.stream.isClosed else { return }
    do {
      switch result {
      case .success(let message):
        guard let response = call.context?.responseIfSet else {
          let sealed = Envelope.seal(message)
          try session.respond(call.stream, ResponseFields.plain, endOfStream: false)
          call.sentBytes = sealed.readableBytes
          session.write(call.stream, sealed)
          session.finish(call.stream, trailers: ResponseFields.plainSuccess)
          break
        }
        let isCompressed = call.head.acceptsGzip && response.isCompressed
        let sealed = isCompressed ? try Envelope.sealCompressed(message) : Envelope.seal(message)
        try session.respond(
          call.stream,
          ResponseFields.initial(
            response.initial, encoding: isCompressed ? .gzip : .identity),
          endOfStream: false)
        call.sentBytes = sealed.readableBytes
        session.write(call.stream, sealed)
        session.finish(call.stream, trailers: ResponseFields.success(response.trailing))
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

  func sendFailure(_ error: RPCError, _ call: ServerCall) throws {
    let response = call.response
    let fields = ResponseFields.failure(
      error, initial: response.initial, trailing: response.trailing)
    try session?.respond(call.stream, fields, endOfStream: true)
  }

  /// The deadline has passed: the handler is told, the client gets its status, and an answer that
  /// nobody reads is dropped.
  func expire(_ call: ServerCall) {
    let error = RPCError(.deadlineExceeded, "the deadline passed before the answer")
    call.task?.cancel()
    if call.phase == .answered {
      session?.reset(call.stream, .cancel)
    } else if call.isStreaming {
      answer(call, Result<Void, RPCError>.failure(error))
      // What is queued in front of the status may never leave.
      if call.stream.outboundBytes > 0 { session?.reset(call.stream, .cancel) }
    } else {
      answer(call, Result<ByteBuffer, RPCError>.failure(error))
    }
    setNeedsFlush()
  }

  /// The stream is over, by whichever side; a handler that still runs is told to stop and keeps its
  /// place until it has.
  func closed(_ stream: HTTP2Stream, _ code: ErrorCode) {
    streams.add(-1)
    if code != .noError { countReset(stream) }
    guard let call = call(of: stream) else {
      forgetRefusal(stream.id)
      return
    }
    stream.attachment = nil
    call.decided(.cancelled)
    if call.isStreaming { call.close(call.ending) }
    call.task?.cancel()
    finished(call)
    if !call.isHandlerRunning { release(call) }
    held.forget(call, total: shared.blockedBytes)
  }

  private func countReset(_ stream: HTTP2Stream) {
    let metrics = shared.metrics
    (stream.isResetByPeer ? metrics.resetsByPeer : metrics.resetsByServer).increment()
  }

  func release(_ call: ServerCall) {
    guard call.wantedBytes > 0 else { return }
    for next in receiveBudget.release(call) { grant(next) }
    setNeedsFlush()
  }
}

extension Result where Failure == RPCError {
  /// OK or the error's code.
  var code: RPCError.Code {
    switch self {
    case .success: .ok
    case .failure(let error): error.code
    }
  }
}
