import HTTP2
import NIOCore
import TLS

/// The way of one connection, a client's or a server's, between its channel and its session: bytes
/// become events, and what the session wants to send is written at the end of each turn of the
/// loop.
///
/// Subclasses say what the events mean. Everything runs on the channel's loop.
class ConnectionChannel: ChannelInboundHandler, @unchecked Sendable {
  // Sendable because other threads only pass it around, or hop to the loop.
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// How long the last bytes may take to leave a connection that is closing.
  static let closeTimeout = TimeAmount.seconds(1)

  final let eventLoop: any EventLoop
  /// Nil until the connection is made.
  @exclusivity(unchecked) private(set) final var channel: (any Channel)?
  @exclusivity(unchecked) private final var wire: Wire?
  /// The wire's, for as long as the connection lives.
  @exclusivity(unchecked) private(set) final var session: HTTP2Session?
  @exclusivity(unchecked) final var phase = ConnectionPhase()
  @exclusivity(unchecked) private final var isHandling = false
  @exclusivity(unchecked) private final var isReading = false
  @exclusivity(unchecked) private final var isFlushScheduled = false

  init(_ eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
  }

  final var isClosing: Bool { phase.isClosing }
  /// SHA-256 of the peer's certificate; empty before the handshake and without TLS.
  final var peerCertificateDigest: [UInt8] { wire?.peerCertificateDigest ?? [] }

  // MARK: What subclasses say

  var isClient: Bool { false }

  /// Nil for a connection in clear text.
  func makeTLS() throws(TLSError) -> TLSConnection? { nil }

  /// Called once it is known who the peer is.
  func makeSession(_ identities: [String]) throws(HTTP2Error) -> HTTP2Session {
    try HTTP2Session(isClient ? .client : .server, HTTP2Limits())
  }

  /// There is a connection, and nothing was sent yet.
  func connected(_ channel: any Channel) {}

  func bytesArrived() {}

  /// No more comes in this turn of the loop.
  func readEnded() {}

  func handle(_ event: HTTP2Event) {}

  /// The last events of a connection that has ended meanwhile were handled: no flush comes after
  /// them.
  func handledLastEvents() {}

  /// The connection can't go on; may be called more than once.
  func fail(_ reason: String) { close() }

  /// Writes what is to be sent and looks whether the connection is over.
  func flush() { writeOut() }

  /// The channel is closed; the session is let go of afterwards.
  func ended() {}

  // MARK: Channel

  final func handlerAdded(context: ChannelHandlerContext) {
    channel = context.channel
    if context.channel.isActive { begin(context) }
  }

  final func channelActive(context: ChannelHandlerContext) {
    if wire == nil { begin(context) }
  }

  private func begin(_ context: ChannelHandlerContext) {
    // Given up while it was connecting.
    guard !isClosing else { return context.close(promise: nil) }
    do {
      let tls = try makeTLS()
      let wire = Wire(context, tls: tls) { [unowned self] identities throws(HTTP2Error) in
        let session = try makeSession(identities)
        self.session = session
        return session
      }
      self.wire = wire
      connected(context.channel)
      try wire.start(isClient: isClient)
      flush()
    } catch {
      fail("\(error)")
    }
  }

  final func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isClosing, let wire else { return }
    isReading = true
    bytesArrived()
    do throws(WireError) {
      try wire.receive(unwrapInboundIn(data))
      handleEvents()
    } catch {
      handleEvents()
      fail("\(error)")
    }
  }

  final func channelReadComplete(context: ChannelHandlerContext) {
    isReading = false
    readEnded()
    flush()
  }

  final func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { flush() }
  }

  final func channelInactive(context: ChannelHandlerContext) {
    phase.channelEnded()
    ended()
    wire = nil
    session = nil
  }

  final func errorCaught(context: ChannelHandlerContext, error: any Error) {
    fail("\(error)")
  }

  // MARK: Events and output

  /// What an event brings about may bring about more: those wait for their turn.
  final func handleEvents() {
    guard !isHandling, let session else { return }
    isHandling = true
    defer { isHandling = false }
    while let event = session.nextEvent() { handle(event) }
    if isClosing { handledLastEvents() }
  }

  /// To be called after anything was submitted to the session: writes at the end of this turn.
  final func setNeedsFlush() {
    guard !isReading, !isFlushScheduled else { return }
    isFlushScheduled = true
    eventLoop.execute {
      self.isFlushScheduled = false
      self.flush()
    }
  }

  /// Writes what the session may send, while the socket takes it; false if it is too late for that.
  @discardableResult
  final func writeOut() -> Bool {
    guard !isClosing, let wire else { return false }
    do throws(WireError) {
      try wire.flush()
      handleEvents()
    } catch {
      handleEvents()
      fail("\(error)")
    }
    return true
  }

  final func releaseIdleBuffers() {
    wire?.releaseIdleBuffers()
  }

  /// Says the last words and closes; the first call counts.
  final func close() {
    guard let ending = phase.close() else { return }
    if let wire {
      wire.close(within: Self.closeTimeout, isAbrupt: ending == .abruptly)
    } else {
      channel?.close(promise: nil)
    }
  }
}

extension SocketAddress {
  /// `127.0.0.1:51934`, as logs show peers.
  var shortDescription: String {
    guard let ipAddress, let port else { return pathname ?? description }
    return ipAddress.contains(":") ? "[\(ipAddress)]:\(port)" : "\(ipAddress):\(port)"
  }
}
