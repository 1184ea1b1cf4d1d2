import HTTP2
import Logging
import Metrics
import NIOCore
import Networking
import RPC
import TLS

/// One accepted connection: turns its events into calls, and sees to their limits and to its own
/// end.
///
/// Handlers run on the channel's loop too, as tasks.
final class ServerConnection: ConnectionChannel, @unchecked Sendable {
  // Sendable because other threads only use `drain` and `stop`, which hop to the loop.

  private static let keepalivePing: UInt64 = 1
  private static let drainPing: UInt64 = 0

  let shared: ServerShared
  let executor: LoopTaskExecutor
  let gate: CallGate
  @exclusivity(unchecked) private(set) var peer = Peer(address: "")
  private var deadlines = DeadlineTimer()
  private var handshakeTimer: Scheduled<Void>?
  private var headerTimer: Scheduled<Void>?
  private var lifeTimer: RepeatedTask?
  @exclusivity(unchecked) private var life: ConnectionLife
  private var budgets: PeerBudgets
  @exclusivity(unchecked) private var pings: PingPolicy
  /// Streams that are open.
  @exclusivity(unchecked) private var streams = MeterPart()
  /// Handlers that have not ended, whether or not their stream still lives.
  @exclusivity(unchecked) private var handlers = MeterPart()
  private var refusals = HTTPRefusals()

  init(_ channel: any Channel, shared: ServerShared) {
    self.shared = shared
    life = ConnectionLife(shared.configuration)
    budgets = PeerBudgets(resets: ServerShared.resets(isMesh: false))
    pings = PingPolicy(interval: shared.configuration.pingIntervalMin.timeAmount)
    gate = CallGate(shared.budgets)
    executor = LoopTaskExecutor.executor(of: channel.eventLoop)
    super.init(channel.eventLoop)
  }

  // MARK: The connection

  override func makeTLS() throws(TLSError) -> TLSConnection? {
    guard let credentials = shared.credentials else { return nil }
    return try TLSConnection(credentials.current, expecting: .anyOfAuthority)
  }

  override func makeSession(_ identities: [String]) throws(HTTP2Error) -> HTTP2Session {
    peer = Peer(
      address: peer.address, identities: identities, certificateDigest: peerCertificateDigest)
    // Without TLS there are tests and meshes that end TLS themselves; neither is a stranger.
    let isMesh = shared.configuration.tls?.clientCertificates == .required
    budgets = PeerBudgets(resets: ServerShared.resets(isMesh: isMesh))
    return try HTTP2Session(.server, shared.limits(isMesh: isMesh))
  }

  override func connected(_ channel: any Channel) {
    peer = Peer(address: channel.remoteAddress?.shortDescription ?? "")
    shared.metrics.connections.increment()
    handshakeTimer = eventLoop.scheduleTask(
      in: shared.configuration.handshakeTimeout.timeAmount
    ) { self.fail("no HTTP/2 within the handshake timeout") }
    // Kept by the timer until the connection has ended: a weak reference would make each retain of
    // this object, of which a call needs many, a slow one.
    lifeTimer = eventLoop.scheduleRepeatedTask(
      initialDelay: life.checkInterval, delay: life.checkInterval
    ) { _ in self.checkLife() }
  }

  override func bytesArrived() {
    life.sawRead()
  }

  override func readEnded() {
    watchHeaderBlock()
  }

  override func ended() {
    if lifeTimer != nil { shared.metrics.connections.decrement() }
    handshakeTimer?.cancel()
    headerTimer?.cancel()
    lifeTimer?.cancel()
    deadlines.cancel()
    session?.sweep()
    handleEvents()
    gate.connectionEnded()
    tellMeters()
  }

  override func fail(_ reason: String) {
    guard !isClosing else { return }
    shared.logger.info(
      "connection failed", metadata: ["peer": "\(peer.address)", "reason": "\(reason)"])
    close()
  }

  // MARK: Events

  override func handle(_ event: HTTP2Event) {
    switch event {
    case .header(let stream, let header, let endOfStream):
      open(stream, header, endOfStream: endOfStream)
    case .data(let stream, let bytes): bodyArrived(bytes, on: stream)
    case .trailer(let stream, _), .endOfStream(let stream): requestEnded(stream)
    case .drained(let stream): call(of: stream)?.drained()
    case .closed(let stream, let code): closed(stream, code)
    case .settings: greeted()
    case .ping: pingArrived()
    case .pingAcknowledged(let payload): if payload == Self.drainPing { announcementWasSeen() }
    case .interim, .goAway: break
    }
  }

  override func handledLastEvents() {
    tellMeters()
  }

  private func call(of stream: HTTP2Stream) -> ServerCall? {
    stream.attachment.map { unsafeDowncast($0, to: ServerCall.self) }
  }

  private func open(_ stream: HTTP2Stream, _ header: HeaderBlock, endOfStream: Bool) {
    streams.add(1)
    do throws(RequestHead.Refusal) {
      let head = try RequestHead(header, router: shared.router)
      let timeout = self.timeout(of: head)
      let call: ServerCall =
        head.route.isUnary
        ? UnaryServerCall(stream, head, timeout: timeout, started: life.lastRead, on: self)
        : StreamingServerCall(stream, head, timeout: timeout, started: life.lastRead, on: self)
      stream.attachment = call
      if let timeout, timeout <= .zero { return call.expire() }
      watch(call)
      switch head.route.descriptor.shape {
      case .unary, .serverStreaming: break
      case .clientStreaming, .bidirectionalStreaming: gate.start(call)
      }
      if endOfStream { call.requestEnded() }
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

  private func bodyArrived(_ bytes: ByteBuffer, on stream: HTTP2Stream) {
    let count = bytes.readableBytes
    session?.consumedOnConnection(count)
    guard let call = call(of: stream), call.phase != .answered else {
      switch refusals.bodyArrived(count, on: stream.id) {
      case .notRefused: session?.consumedOnStream(stream, count)
      case .taken: break
      case .tooLong(let refusal): refusal.answer(on: session)
      }
      return
    }
    call.receivedBytes += count
    call.dataArrived(bytes)
  }

  private func requestEnded(_ stream: HTTP2Stream) {
    if let call = call(of: stream) { return call.requestEnded() }
    refusals.remove(stream.id)?.answer(on: session)
  }

  private func closed(_ stream: HTTP2Stream, _ code: ErrorCode) {
    streams.add(-1)
    if code != .noError {
      let metrics = shared.metrics
      (stream.isResetByPeer ? metrics.resetsByPeer : metrics.resetsByServer).increment()
    }
    guard let call = call(of: stream) else {
      refusals.remove(stream.id)
      return
    }
    stream.attachment = nil
    call.streamClosed()
    gate.forget(call)
  }

  private func greeted() {
    handshakeTimer?.cancel()
    handshakeTimer = nil
    // Many connections are made to be used later: see what an idle one needs.
    eventLoop.execute { if self.session?.streamCount == 0 { self.releaseIdleBuffers() } }
  }

  // MARK: Refusals

  private func refuse(
    _ stream: HTTP2Stream, _ header: HeaderBlock, _ reason: RequestHead.Refusal,
    endOfStream: Bool
  ) {
    switch reason {
    case .http(let status, let reason):
      let refusal = HTTPRefusal(stream, header, status: status, reason: reason)
      guard !endOfStream, !refusal.isGRPC else { return refusal.answer(on: session) }
      let id = stream.id
      let timer = eventLoop.scheduleTask(in: HTTPRefusals.requestTimeout) {
        self.refusals.remove(id)?.answer(on: self.session)
        self.setNeedsFlush()
      }
      refusals.hold(refusal, bodyBytesMax: shared.streamWindowBytes, timer: timer)
    case .status(let error):
      shared.metrics.unknownMethod.callStarted()
      shared.metrics.unknownMethod.callEnded(
        error.code, nanoseconds: 0, sentBytes: 0, receivedBytes: 0)
      let fields = ResponseFields.failure(error, initial: Metadata(), trailing: Metadata())
      try? session?.respond(stream, fields, endOfStream: true)
    }
  }

  // MARK: Output

  override func flush() {
    writePending()
    checkBudgets()
    tellMeters()
    guard let session, !isClosing, session.isFinished else { return }
    if let problem = session.lastProblem, !phase.isDraining {
      shared.logger.info(
        "the session ended", metadata: ["peer": "\(peer.address)", "problem": "\(problem)"])
    }
    close()
  }

  func writePending() {
    guard writeOut() else { return }
    gate.written(queuedBytes: isClosing ? 0 : session?.outboundBytes ?? 0, on: self)
  }

  /// Others see the numbers between two turns of the loop only.
  private func tellMeters() {
    streams.tell(shared.metrics.streams)
    handlers.tell(shared.metrics.handlers)
  }

  // MARK: Handlers

  /// False when there are as many handlers as may be.
  func takeHandlerPlace() -> Bool {
    guard handlers.value < shared.concurrentStreamsMax else { return false }
    handlers.add(1)
    return true
  }

  func giveBackHandlerPlace() {
    handlers.add(-1)
    // The connection's last flush may be over.
    if isClosing { tellMeters() }
  }

  // MARK: Time limits

  private func watch(_ call: ServerCall) {
    guard let deadline = call.deadline?.instant, deadlines.needs(deadline) else { return }
    deadlines.arm(deadline, on: eventLoop) { self.deadlineFired() }
  }

  private func deadlineFired() {
    deadlines.fired()
    guard let session else { return }
    let now = NIODeadline.now()
    var next: NIODeadline?
    for stream in session.liveStreams {
      guard let call = call(of: stream), let deadline = call.deadline?.instant else { continue }
      if deadline <= now {
        call.expire()
      } else {
        next = min(next ?? deadline, deadline)
      }
    }
    if let next { deadlines.arm(next, on: eventLoop) { self.deadlineFired() } }
    setNeedsFlush()
  }

  private func checkLife() {
    guard let session, !isClosing else { return }
    if session.streamCount == 0 { releaseIdleBuffers() }
    switch life.check(hasStreams: session.streamCount > 0) {
    case .nothing: break
    case .drain:
      guard !phase.isDraining else { return }
      drain()
      eventLoop.scheduleTask(in: shared.configuration.gracePeriod.timeAmount) { self.stop() }
    case .ping:
      session.ping(Self.keepalivePing)
      setNeedsFlush()
    case .giveUp: fail("the client does not answer pings")
    }
  }

  /// A header block must be complete soon after it began: until then there is no call whose
  /// deadline would end it.
  private func watchHeaderBlock() {
    guard session?.isReceivingHeaderBlock == true else {
      headerTimer?.cancel()
      headerTimer = nil
      return
    }
    guard headerTimer == nil else { return }
    headerTimer = eventLoop.scheduleTask(
      in: shared.configuration.handshakeTimeout.timeAmount
    ) { self.fail("a header block took longer than the handshake timeout") }
  }

  // MARK: Bad behaviour

  private func pingArrived() {
    guard let session, !pings.allowsPing(trafficFrames: session.trafficFrames) else { return }
    cut("too_many_pings")
  }

  private func checkBudgets() {
    guard let session, !budgets.allows(session) else { return }
    cut("too many frames that ask for nothing, or too many broken streams")
  }

  /// Ends the connection because of what the peer did.
  private func cut(_ reason: String) {
    guard let session, phase.cut() else { return }
    shared.metrics.connectionsCut.increment()
    shared.logger.warning(
      "cutting a connection",
      metadata: [
        "peer": "\(peer.address)", "reason": "\(reason)",
        "problem": "\(session.lastProblem ?? "none")",
      ])
    session.terminate(.enhanceYourCalm, reason: reason)
    setNeedsFlush()
  }

  // MARK: The end

  /// Tells the client to go elsewhere, lets running calls end, then closes.
  func drain() {
    guard eventLoop.inEventLoop else { return eventLoop.execute { self.drain() } }
    switch phase.drain(hasSession: session != nil) {
    case .nothing: break
    case .close: close()
    case .announce:
      session?.announceShutdown()
      // Its answer tells that the client has seen the announcement: RFC 9113, 6.8.
      session?.ping(Self.drainPing)
      setNeedsFlush()
      eventLoop.scheduleTask(in: Self.closeTimeout) { self.announcementWasSeen() }
    }
  }

  private func announcementWasSeen() {
    guard let session, phase.announcementWasSeen() else { return }
    session.goAway(.noError)
    setNeedsFlush()
  }

  /// Ends the connection with everything on it; may be called from any thread.
  func stop() {
    eventLoop.onLoop { self.channel?.close(promise: nil) }
  }
}
