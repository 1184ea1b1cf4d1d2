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
  private var wire: Wire?
  private var events: [HTTP2Event] = []
  private var deadlines = DeadlineTimer()
  private var handshakeTimer: Scheduled<Void>?
  var headerTimer: Scheduled<Void>?
  var lifeTimer: RepeatedTask?
  var life: ConnectionLife
  var budgets: PeerBudgets
  var pings: PingPolicy
  private var isReading = false
  private var isFlushScheduled = false
  private(set) var isClosing = false
  var isCut = false
  var isDraining = false
  var isDrainFinished = false
  var receiveBudget: ReceiveBudget
  /// Handlers that have not ended, whether or not their stream still lives.
  var handlersRunning = 0
  var held = HeldCalls()
  /// By stream; no more than may be open.
  var refusals: [Int32: HTTPRefusal] = [:]
  /// This connection's part of `ServerShared.unfinishedBytes`.
  var unfinishedBytes = 0
  var isReleasing = false
  /// This connection's part of `ServerShared.queuedBytes`.
  var accountedBytes = 0
  var isRetryScheduled = false
  var isReceiveRetryScheduled = false
  private(set) var peer = Peer(address: "")
  let executor: LoopTaskExecutor

  init(_ channel: any Channel, shared: ServerShared) {
    self.channel = channel
    self.shared = shared
    life = ConnectionLife(shared.configuration)
    receiveBudget = ReceiveBudget(shared)
    budgets = PeerBudgets(resets: ServerShared.resets(isMesh: false))
    pings = PingPolicy(interval: shared.configuration.pingIntervalMin.timeAmount)
    executor = LoopTaskExecutor.executor(of: channel.eventLoop)
  }

  var session: HTTP2Session? { wire?.session }

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
      handshakeTimer = channel.eventLoop.scheduleTask(
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
    return try HTTP2Session(.server, shared.limits(isMesh: isMesh))
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isClosing, let wire else { return }
    isReading = true
    life.sawRead()
    var events = takeEvents()
    do {
      try wire.receive(unwrapInboundIn(data), events: &events)
      process(&events)
    } catch {
      process(&events)
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
    var events = takeEvents()
    wire?.session?.sweep(events: &events)
    process(&events)
    wire = nil
    accountQueued()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    fail("\(error)")
  }

  // MARK: Events

  /// The list is reused from read to read; it is taken out while it is worked on.
  private func takeEvents() -> [HTTP2Event] {
    var taken: [HTTP2Event] = []
    swap(&taken, &events)
    return taken
  }

  private func process(_ list: inout [HTTP2Event]) {
    for event in list {
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
    list.removeAll(keepingCapacity: true)
    swap(&list, &events)
  }

  private func greeted() {
    handshakeTimer?.cancel()
    handshakeTimer = nil
    // Many connections are made to be used later: see what an idle one needs.
    channel.eventLoop.execute { if self.session?.streamCount == 0 { self.releaseIdleBuffers() } }
  }

  func releaseIdleBuffers() {
    wire?.releaseIdleBuffers()
  }

  // MARK: Output

  /// To be called after anything was submitted to the session: writes at the end of this turn.
  func setNeedsFlush() {
    guard !isReading, !isFlushScheduled else { return }
    isFlushScheduled = true
    channel.eventLoop.execute {
      self.isFlushScheduled = false
      self.flush()
    }
  }

  private func flush() {
    writePending()
    checkBudgets()
    guard let session, !isClosing else { return }
    guard session.isFinished else { return }
    if let problem = session.lastProblem, !isDraining {
      shared.logger.info(
        "the session ended", metadata: ["peer": "\(peer.address)", "problem": "\(problem)"])
    }
    close()
  }

  func writePending() {
    guard !isClosing, let wire else { return }
    var events = takeEvents()
    do {
      try wire.flush(events: &events)
      process(&events)
    } catch {
      process(&events)
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
    guard let deadline = call.deadlineOnLoop, deadlines.needs(deadline) else { return }
    deadlines.arm(deadline, on: channel.eventLoop) { self.deadlineFired() }
  }

  private func deadlineFired() {
    deadlines.fired()
    guard let session else { return }
    let now = NIODeadline.now()
    var next: NIODeadline?
    for stream in session.liveStreams {
      guard let call = call(of: stream), let deadline = call.deadlineOnLoop else { continue }
      if deadline <= now {
        expire(call)
      } else {
        next = min(next ?? deadline, deadline)
      }
    }
    if let next { deadlines.arm(next, on: channel.eventLoop) { self.deadlineFired() } }
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
