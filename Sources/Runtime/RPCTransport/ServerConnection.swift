internal import HTTP2
internal import Logging
internal import Metrics
internal import NIOCore
internal import RPC
internal import TLS

/// One accepted connection: turns its events into calls and their answers into frames.
///
/// Everything runs on the channel's loop. Handlers run there too, as tasks.
final class ServerConnection: ChannelInboundHandler, @unchecked Sendable {
  // Sendable because other threads only pass it around: `drain` and `stop` hop to the loop.
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// How long the last bytes may take to leave a connection that is closing.
  static let closeTimeout = TimeAmount.seconds(1)

  let shared: ServerShared
  let channel: any Channel
  let eventLoop: any EventLoop
  @exclusivity(unchecked) private var wire: Wire?
  /// The wire's, for as long as the connection lives.
  @exclusivity(unchecked) private(set) var session: HTTP2Session?
  @exclusivity(unchecked) private var isProcessing = false
  private var deadlines = DeadlineTimer()
  private var handshakeTimer: Scheduled<Void>?
  var headerTimer: Scheduled<Void>?
  var lifeTimer: RepeatedTask?
  @exclusivity(unchecked) var life: ConnectionLife
  var budgets: PeerBudgets
  @exclusivity(unchecked) var pings: PingPolicy
  @exclusivity(unchecked) private var isReading = false
  @exclusivity(unchecked) private var isFlushScheduled = false
  @exclusivity(unchecked) private(set) var isClosing = false
  var isCut = false
  var isDraining = false
  var isDrainFinished = false
  var receiveBudget: ReceiveBudget
  /// Streams that are open.
  @exclusivity(unchecked) var streams = MeterPart()
  /// Handlers that have not ended, whether or not their stream still lives.
  @exclusivity(unchecked) var handlers = MeterPart()
  var held = HeldCalls()
  /// By stream; no more than may be open.
  var refusals: [Int32: HTTPRefusal] = [:]
  /// This connection's part of `ServerShared.unfinishedBytes`.
  var unfinishedBytes = 0
  var isReleasing = false
  /// This connection's part of `ServerShared.queuedBytes`.
  @exclusivity(unchecked) var accountedBytes = 0
  var isRetryScheduled = false
  var isReceiveRetryScheduled = false
  @exclusivity(unchecked) private(set) var peer = Peer(address: "")
  let executor: LoopTaskExecutor

  init(_ channel: any Channel, shared: ServerShared) {
    self.channel = channel
    eventLoop = channel.eventLoop
    self.shared = shared
    life = ConnectionLife(shared.configuration)
    receiveBudget = ReceiveBudget(shared)
    budgets = PeerBudgets(resets: ServerShared.resets(isMesh: false))
    pings = PingPolicy(interval: shared.configuration.pingIntervalMin.timeAmount)
    executor = LoopTaskExecutor.executor(of: channel.eventLoop)
  }

  // MARK: Channel

  func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { begin(context) }
  }

  func channelActive(context: ChannelHandlerContext) {
    if wire == nil { begin(context) }
  }

  private func begin(_ context: ChannelHandlerContext) {
    peer = Peer(address: context.channel.remoteAddress?.shortDescription ?? "")
    do {
      let tls = try shared.credentials.map { credentials throws(TLSError) in
        try TLSConnection(credentials.current, expecting: .anyOfAuthority)
      }
      let wire = Wire(context, tls: tls) { [unowned self] identities throws(HTTP2Error) in
        try makeSession(identities)
      }
      self.wire = wire
      handshakeTimer = eventLoop.scheduleTask(
        in: shared.configuration.handshakeTimeout.timeAmount
      ) { self.fail("no HTTP/2 within the handshake timeout") }
      shared.metrics.connections.increment()
      startLife()
      try wire.start(isClient: false)
      flush()
    } catch {
      fail("\(error)")
    }
  }

  private func makeSession(_ identities: [String]) throws(HTTP2Error) -> HTTP2Session {
    peer = Peer(address: peer.address, identities: identities)
    // Without TLS there are tests and meshes that end TLS themselves; neither is a stranger.
    let isMesh = shared.configuration.tls?.clientCertificates == .required
    budgets = PeerBudgets(resets: ServerShared.resets(isMesh: isMesh))
    let session = try HTTP2Session(.server, shared.limits(isMesh: isMesh))
    self.session = session
    return session
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isClosing, let wire else { return }
    isReading = true
    life.sawRead()
    do throws(WireError) {
      try wire.receive(unwrapInboundIn(data))
      process()
    } catch {
      process()
      fail("\(error)")
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    isReading = false
    watchHeaderBlock()
    flush()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { flush() }
  }

  func channelInactive(context: ChannelHandlerContext) {
    isClosing = true
    handshakeTimer?.cancel()
    headerTimer?.cancel()
    lifeTimer?.cancel()
    shared.metrics.connections.decrement()
    deadlines.cancel()
    session?.sweep()
    process()
    wire = nil
    session = nil
    accountQueued()
    tellMeters()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    fail("\(error)")
  }

  // MARK: Events

  /// What an event brings about may bring about more: those wait for their turn.
  private func process() {
    guard !isProcessing, let session else { return }
    isProcessing = true
    defer { isProcessing = false }
    while let event = session.nextEvent() {
      switch event {
      case .header(let stream, let header, let endOfStream):
        open(stream, header, endOfStream: endOfStream)
      case .data(let stream, let bytes): received(bytes, on: stream)
      case .trailer(let stream, _), .endOfStream(let stream): requestEnded(stream)
      case .drained(let stream): call(of: stream)?.gate.open()
      case .closed(let stream, let code): closed(stream, code)
      case .settings: greeted()
      case .ping: pingArrived()
      case .pingAcknowledged(let payload): pingAcknowledged(payload)
      case .goAway: break
      }
    }
    // No flush comes after the connection's end.
    if isClosing { tellMeters() }
  }

  private func greeted() {
    handshakeTimer?.cancel()
    handshakeTimer = nil
    // Many connections are made to be used later: see what an idle one needs.
    eventLoop.execute { if self.session?.streamCount == 0 { self.releaseIdleBuffers() } }
  }

  func releaseIdleBuffers() {
    wire?.releaseIdleBuffers()
  }

  // MARK: Output

  /// To be called after anything was submitted to the session: writes at the end of this turn.
  func setNeedsFlush() {
    guard !isReading, !isFlushScheduled else { return }
    isFlushScheduled = true
    eventLoop.execute {
      self.isFlushScheduled = false
      self.flush()
    }
  }

  private func flush() {
    writePending()
    checkBudgets()
    tellMeters()
    guard let session, !isClosing else { return }
    guard session.isFinished else { return }
    if let problem = session.lastProblem, !isDraining {
      shared.logger.info(
        "the session ended", metadata: ["peer": "\(peer.address)", "problem": "\(problem)"])
    }
    close()
  }

  /// Others see the numbers between two turns of the loop only.
  func tellMeters() {
    streams.tell(shared.metrics.streams)
    handlers.tell(shared.metrics.handlers)
  }

  func writePending() {
    guard !isClosing, let wire else { return }
    do throws(WireError) {
      try wire.flush()
      process()
    } catch {
      process()
      fail("\(error)")
    }
    accountQueued()
    if !held.isEmpty { releaseHeld() }
  }

  func fail(_ reason: String) {
    guard !isClosing else { return }
    shared.logger.info(
      "connection failed", metadata: ["peer": "\(peer.address)", "reason": "\(reason)"])
    close()
  }

  func close() {
    guard !isClosing else { return }
    isClosing = true
    wire?.close(within: Self.closeTimeout, isAbrupt: isCut)
  }

  // MARK: Deadlines

  func watch(_ call: ServerCall) {
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
        expire(call)
      } else {
        next = min(next ?? deadline, deadline)
      }
    }
    if let next { deadlines.arm(next, on: eventLoop) { self.deadlineFired() } }
    setNeedsFlush()
  }
}

extension SocketAddress {
  /// `127.0.0.1:51934`, as logs show peers.
  var shortDescription: String {
    guard let ipAddress, let port else { return pathname ?? description }
    return ipAddress.contains(":") ? "[\(ipAddress)]:\(port)" : "\(ipAddress):\(port)"
  }
}
