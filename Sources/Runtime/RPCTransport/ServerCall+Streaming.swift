internal import NIOCore
internal import RPC

/// What the handler of a streaming call sees of it. Handlers mostly run on the connection's loop, and
/// then neither direction changes threads; from elsewhere each operation hops to the loop.
extension ServerCall: MessageSource {
  func next() async throws(RPCError) -> ReceivedMessage? {
    if eventLoop.inEventLoop, let next = connection.takeMessage(self) { return try next.get() }
    let next = await eventLoop.wait {
      self.connection.awaitMessage(self, $0)
    } giveUp: {
      self.inbound.cancelWait()
    }
    return try next.get()
  }
}

extension ServerCall: ResponseSink {
  func sendMetadata() async throws(RPCError) {
    try await write(nil)
  }

  func write(_ message: ByteBuffer, isCompressed: Bool?) async throws(RPCError) {
    let isCompressed = head.acceptsGzip && (isCompressed ?? response.isCompressed)
    try await write(isCompressed ? Envelope.sealCompressed(message) : Envelope.seal(message))
  }

  /// Queues a sealed message, or with nil the initial metadata only.
  private func write(_ sealed: ByteBuffer?) async throws(RPCError) {
    if eventLoop.inEventLoop, try connection.write(sealed, self).get() { return }
    let isQueued = eventLoop.inEventLoop
    let outcome = await eventLoop.wait { waiter in
      guard isQueued else { return self.connection.write(sealed, self, waiter) }
      self.connection.awaitRoom(self, waiter)
    } giveUp: {
      self.gate.fail(RPCError(.cancelled, "the writer was cancelled"))
    }
    try outcome.get()
  }
}
