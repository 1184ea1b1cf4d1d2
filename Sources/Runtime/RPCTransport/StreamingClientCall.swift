import HTTP2
import NIOCore
import RPC
import Synchronization

/// A call with more than one message in a direction. Its caller may be on any thread; everything
/// else happens on the loop.
final class StreamingClientCall: ClientCall, @unchecked Sendable {
  // Sendable as its superclass.
  private typealias HeaderWaiter = CheckedContinuation<Result<Metadata, RPCError>, Never>

  /// Sent messages that are kept until the server answers, so that the call can be sent again when
  /// the server turns out not to have looked at it.
  private static let replayBytesMax = 64 << 10

  private let eventLoop: any EventLoop
  private weak var session: HTTP2Session?
  private var inbound: InboundMessages
  private var gate = WriteGate()
  /// Everything written so far, or nothing once it can't be sent again.
  private var sent: [ByteBuffer] = []
  private var isFinished = false
  private var header: Result<Metadata, RPCError>?
  private var headerWaiter: HeaderWaiter?
  private var failure: RPCError?
  private let finalTrailers = Mutex(Metadata())

  init(
    _ method: MethodDescriptor, options: CallOptions, shared: ClientShared,
    eventLoop: any EventLoop
  ) {
    self.eventLoop = eventLoop
    inbound = InboundMessages(EnvelopeReader(messageBytesMax: shared.configuration.messageBytesMax))
    super.init(method, options: options, shared: shared)
  }

  override var isReplayable: Bool { !hasHeader && sentBytes <= Self.replayBytesMax }

  // MARK: From the connection

  override func opened(_ stream: HTTP2Stream, on session: HTTP2Session) {
    super.opened(stream, on: session)
    self.session = session
    for message in sent { session.write(stream, message) }
    if isFinished { session.finish(stream) }
    if !isReplayable { sent = [] }
    if WriteGate.isOpen(stream) { gate.open() } else { stream.notifyWhenDrained = true }
  }

  override func headerArrived(_ head: ResponseHead) throws(RPCError) {
    try super.headerArrived(head)
    sent = []
    if let encoding = head.encoding, encoding != .identity {
      // No body has arrived before its header.
      let waiting = inbound.takeWaiter()
      inbound = InboundMessages(
        EnvelopeReader(messageBytesMax: messageBytesMax, encoding: encoding))
      if let waiting { inbound.wait(waiting) }
    }
    resolveHeader(.success(head.metadata))
  }

  override func dataArrived(_ bytes: ByteBuffer) throws(RPCError) -> Int {
    receivedBytes += bytes.readableBytes
    inbound.append(bytes)
    if let failure = inbound.failure { throw failure }
    return credit()
  }

  override func drained() {
    gate.open()
  }

  override func statusArrived(_ error: RPCError?, trailers: Metadata) {
    guard !isDone else { return }
    super.statusArrived(error, trailers: trailers)
    finalTrailers.withLock { $0 = trailers }
    inbound.end(error.map { .failure($0) } ?? .success(()))
    // Writers stop; readers first get what has arrived.
    stop(error ?? RPCError(.cancelled, "the server has ended the call"))
  }

  override func fail(_ error: RPCError) {
    guard !isDone else { return }
    super.fail(error)
    inbound.abort(error)
    stop(error)
  }

  private func stop(_ error: RPCError) {
    failure = error
    sent = []
    gate.fail(error)
    resolveHeader(.failure(error))
  }

  private func resolveHeader(_ result: Result<Metadata, RPCError>) {
    guard header == nil else { return }
    header = result
    headerWaiter?.resume(returning: result)
    headerWaiter = nil
  }

  private func awaitHeader(_ waiter: HeaderWaiter) {
    if let header { return waiter.resume(returning: header) }
    guard headerWaiter == nil else {
      return waiter.resume(
        returning: .failure(RPCError(.internal, "initial metadata has one reader at a time")))
    }
    headerWaiter = waiter
  }

  private func cancelHeaderWait() {
    headerWaiter?.resume(returning: .failure(RPCError(.cancelled, "the reader was cancelled")))
    headerWaiter = nil
  }

  // MARK: Flow control

  /// A large message gets what it needs while a reader waits for it; it is bounded by
  /// `messageBytesMax`, and how many there are by our own callers.
  private func credit() -> Int {
    // nghttp2 announces credit by half windows: the other half may be all that the sender has.
    let isLarge = (inbound.awaitedBytes ?? 0) > HTTP2Limits.streamWindowBytesDefault / 2
    return inbound.takeCredit(forMessageUnderWay: isLarge)
  }

  private func giveCredit() {
    let credit = credit()
    guard credit > 0, let stream else { return }
    connection?.giveCredit(stream, credit)
  }

  // MARK: On the loop, for the caller

  private func take() -> InboundMessages.Next? {
    guard let next = inbound.take() else { return nil }
    endIfUnreadable()
    giveCredit()
    return next
  }

  private func wait(_ waiter: InboundMessages.Waiter) {
    inbound.wait(waiter)
    endIfUnreadable()
    giveCredit()
  }

  /// A message that can't be read ends the call, and the server is told.
  private func endIfUnreadable() {
    guard !isDone, let failure = inbound.failure else { return }
    fail(failure)
    connection?.abandon(self)
  }

  /// Queues a sealed message; false when the writer should wait then.
  private func enqueue(_ sealed: ByteBuffer) -> Result<Bool, RPCError> {
    if let failure { return .failure(failure) }
    guard !isFinished else {
      return .failure(RPCError(.internal, "a message was written after the last one"))
    }
    sentBytes += sealed.readableBytes
    guard let stream, let session else {
      sent.append(sealed)
      return .success(sentBytes <= WriteGate.queuedBytesMax)
    }
    if isReplayable { sent.append(sealed) } else { sent = [] }
    session.write(stream, sealed)
    connection?.setNeedsFlush()
    return .success(WriteGate.isOpen(stream))
  }

  private func enqueue(_ sealed: ByteBuffer, _ waiter: WriteGate.Waiter) {
    switch enqueue(sealed) {
    case .success(true): waiter.resume(returning: .success(()))
    case .success(false): awaitRoom(waiter)
    case .failure(let error): waiter.resume(returning: .failure(error))
    }
  }

  private func awaitRoom(_ waiter: WriteGate.Waiter) {
    if let failure { return waiter.resume(returning: .failure(failure)) }
    if let stream, WriteGate.isOpen(stream) { return waiter.resume(returning: .success(())) }
    gate.wait(waiter, for: stream)
  }

  private func endRequests() {
    guard !isFinished, failure == nil else { return }
    isFinished = true
    guard let stream, let session else { return }
    session.finish(stream)
    connection?.setNeedsFlush()
  }
}

extension StreamingClientCall: ClientStream {
  func next() async throws(RPCError) -> ReceivedMessage? {
    if eventLoop.inEventLoop, let next = take() { return try next.get() }
    let next = await eventLoop.wait {
      self.wait($0)
    } giveUp: {
      self.inbound.cancelWait()
    }
    return try next.get()
  }

  func write(_ message: ByteBuffer, isCompressed: Bool?) async throws(RPCError) {
    // Without a named encoding no message may be compressed.
    let isCompressed = options.encoding == .gzip && isCompressed ?? true
    let sealed = isCompressed ? try Envelope.sealCompressed(message) : Envelope.seal(message)
    let isOnLoop = eventLoop.inEventLoop
    if isOnLoop, try enqueue(sealed).get() { return }
    let outcome = await eventLoop.wait { waiter in
      if isOnLoop { self.awaitRoom(waiter) } else { self.enqueue(sealed, waiter) }
    } giveUp: {
      self.gate.fail(RPCError(.cancelled, "the writer was cancelled"))
    }
    try outcome.get()
  }

  func finish() {
    eventLoop.onLoop { self.endRequests() }
  }

  func initialMetadata() async throws(RPCError) -> Metadata {
    let result = await eventLoop.wait {
      self.awaitHeader($0)
    } giveUp: {
      self.cancelHeaderWait()
    }
    return try result.get()
  }

  var trailers: Metadata { finalTrailers.withLock { $0 } }
}
