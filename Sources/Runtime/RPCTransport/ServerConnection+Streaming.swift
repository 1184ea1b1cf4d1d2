internal import HTTP2
internal import NIOCore
internal import RPC

/// The two directions of streaming calls, on the loop.
extension ServerConnection {
  // MARK: Requests

  func received(_ bytes: ByteBuffer, on call: ServerCall) {
    guard call.phase != .answered else {
      session?.consumedOnStream(call.stream, bytes.readableBytes)
      return
    }
    call.inbound.append(bytes)
    if call.receivedBytes > Self.unstartedBytesMax { startStreaming(call) }
    giveCredit(call)
  }

  /// Starts the handler unless it runs or the client has yet to read what it asked for before.
  func startStreaming(_ call: ServerCall) {
    guard call.phase == .receiving, !call.isHeld else { return }
    if mayStartHandler() { return runStreaming(call) }
    call.isHeld = true
    hold(call, request: nil)
  }

  /// A server-streaming method starts when its request is complete, or this much of it is there: more
  /// needs the credit that a waiting handler gives.
  private static let unstartedBytesMax = 32 << 10

  func takeMessage(_ call: ServerCall) -> InboundMessages.Next? {
    guard let next = call.inbound.take() else { return nil }
    giveCredit(call)
    return next
  }

  func awaitMessage(_ call: ServerCall, _ waiter: InboundMessages.Waiter) {
    call.inbound.wait(waiter)
    giveCredit(call)
  }

  /// A message over half a window counts as large: nghttp2 announces credit by half windows, so that
  /// the other half may be all that its sender has.
  ///
  /// The sender may send more when the handler has taken a message, and as much as a large message
  /// needs when the handler waits for it.
  private func giveCredit(_ call: ServerCall) {
    if call.wantedBytes > 0, !call.inbound.isAwaited { release(call) }
    if call.wantedBytes == 0, let expected = call.inbound.awaitedBytes,
      expected > shared.streamWindowBytes / 2
    {
      call.wantedBytes = expected
      if receiveBudget.reserve(expected, for: call) {
        call.inbound.reserve(expected)
      } else {
        retryReceiving()
      }
    }
    let credit = call.inbound.takeCredit(forMessageUnderWay: call.reservedBytes > 0)
    guard credit > 0 else { return }
    session?.consumedOnStream(call.stream, credit)
    setNeedsFlush()
  }

  /// A large message of this call may come.
  func grantStreaming(_ call: ServerCall) {
    call.inbound.reserve(call.reservedBytes)
    giveCredit(call)
  }

  // MARK: Responses

  /// Queues a sealed message behind the initial metadata; false when the writer should wait then.
  func write(_ sealed: ByteBuffer?, _ call: ServerCall) -> Result<Bool, RPCError> {
    guard call.phase == .running, !call.stream.isClosed, let session else {
      return .failure(call.ending)
    }
    do {
      try sendHeader(call, session)
    } catch {
      return .failure(RPCError(.unavailable, "the stream is closed"))
    }
    if let sealed {
      call.sentBytes += sealed.readableBytes
      session.write(call.stream, sealed)
    }
    setNeedsFlush()
    return .success(WriteGate.isOpen(call.stream))
  }

  private func sendHeader(_ call: ServerCall, _ session: HTTP2Session) throws(HTTP2Error) {
    guard !call.hasSentHeader else { return }
    call.hasSentHeader = true
    // Whether a message will be compressed isn't known yet: naming the encoding binds to nothing.
    try session.respond(
      call.stream,
      ResponseFields.initial(
        call.response.initial, encoding: call.head.acceptsGzip ? .gzip : .identity),
      endOfStream: false)
  }

  /// The same from another thread: `waiter` hears when there is room.
  func write(_ sealed: ByteBuffer?, _ call: ServerCall, _ waiter: WriteGate.Waiter) {
    switch write(sealed, call) {
    case .success(true): waiter.resume(returning: .success(()))
    case .success(false): awaitRoom(call, waiter)
    case .failure(let error): waiter.resume(returning: .failure(error))
    }
  }

  func awaitRoom(_ call: ServerCall, _ waiter: WriteGate.Waiter) {
    guard !call.stream.isClosed, call.phase == .running else {
      return waiter.resume(returning: .failure(call.ending))
    }
    guard !WriteGate.isOpen(call.stream) else { return waiter.resume(returning: .success(())) }
    call.gate.wait(waiter, for: call.stream)
  }

  /// The handler has ended: the status follows what is queued.
  func answer(_ call: ServerCall, _ result: Result<Void, RPCError>) {
    call.decided(result.code)
    call.close(call.ending)
    guard let session, !call.stream.isClosed else { return }
    do {
      switch result {
      case .success:
        try sendHeader(call, session)
        session.finish(call.stream, trailers: ResponseFields.success(call.response.trailing))
      case .failure(let error) where call.hasSentHeader:
        session.finish(
          call.stream,
          trailers: ResponseFields.failure(error, trailing: call.response.trailing))
      case .failure(let error):
        try sendFailure(error, call)
      }
    } catch {
      // The stream is on its way out and takes no answer.
    }
    setNeedsFlush()
  }
}

extension ServerCall {
  /// Why reading and writing are over.
  var ending: RPCError {
    if let deadline, deadline.hasPassed {
      return RPCError(.deadlineExceeded, "the deadline passed before the answer")
    }
    return RPCError(.cancelled, "the call has ended")
  }

  /// Whoever reads or writes hears that there is nothing more to do.
  func close(_ reason: RPCError) {
    guard isStreaming else { return }
    inbound.abort(reason)
    gate.fail(reason)
  }
}
