import HTTP2
import Logging
import NIOCore
import RPC
import TLS

/// What a connection tells the subchannel that opened it.
protocol ClientConnectionOwner: AnyObject {
  /// The server has sent its SETTINGS: calls may start.
  func connectionIsReady(_ connection: ClientConnection)
  /// No new calls: the server said GOAWAY or numbers ran out. Calls under way go on.
  func connectionIsLeaving(_ connection: ClientConnection)
  func connectionEnded(_ connection: ClientConnection, reason: String)
  /// The server has not processed this call.
  func callWasNotProcessed(_ call: ClientCall, reason: String)
}

/// One connection to a server: turns calls into frames and events into outcomes.
final class ClientConnection: ConnectionChannel, @unchecked Sendable {
  // Sendable because it is made on one thread and then stays on its loop.

  private static let keepalivePing: UInt64 = 1

  private let shared: ClientShared
  /// Until the connection has ended.
  private var owner: (any ClientConnectionOwner)?
  private var isReady = false
  /// Takes no more calls.
  private var isLeaving = false
  private var endReason = "the connection was lost"
  /// Calls that wait until the server lets us open a stream.
  private(set) var waiting = CircularBuffer<ClientCall>()
  private var keepalive: Keepalive

  init(_ eventLoop: any EventLoop, shared: ClientShared, owner: any ClientConnectionOwner) {
    self.shared = shared
    self.owner = owner
    keepalive = Keepalive(shared.configuration)
    super.init(eventLoop)
  }

  var callCount: Int { waiting.count + (session?.streamCount ?? 0) }

  // MARK: Calls

  func start(_ call: ClientCall) {
    call.connection = self
    guard let session, !isClosing, !isLeaving else {
      owner?.callWasNotProcessed(call, reason: endReason)
      return
    }
    guard waiting.isEmpty, session.streamCount < session.peerConcurrentStreamsMax else {
      waiting.append(call)
      return
    }
    send(call, session)
  }

  private func send(_ call: ClientCall, _ session: HTTP2Session) {
    do throws(HTTP2Error) {
      let stream = try session.request(shared.fields.fields(of: call), attachment: call)
      call.opened(stream, on: session)
      setNeedsFlush()
    } catch {
      owner?.callWasNotProcessed(call, reason: "\(error)")
      leave()
    }
  }

  private func startWaiting() {
    guard let session, !isLeaving else { return }
    while session.streamCount < session.peerConcurrentStreamsMax, let call = waiting.popFirst() {
      if !call.isDone { send(call, session) }
    }
  }

  /// The call's outcome is known before the server's: tells the server not to go on.
  func abandon(_ call: ClientCall) {
    guard let stream = call.stream else { return }
    session?.reset(stream, .cancel)
    setNeedsFlush()
  }

  /// Calls with a stream or waiting for one.
  var calls: [ClientCall] {
    waiting + (session?.liveStreams.compactMap(call(of:)) ?? [])
  }

  private func call(of stream: HTTP2Stream) -> ClientCall? {
    stream.attachment.map { unsafeDowncast($0, to: ClientCall.self) }
  }

  // MARK: The connection

  override var isClient: Bool { true }

  override func makeTLS() throws(TLSError) -> TLSConnection? { try shared.makeTLS() }

  override func makeSession(_ identities: [String]) throws(HTTP2Error) -> HTTP2Session {
    var limits = HTTP2Limits()
    limits.headerListBytesMax = shared.configuration.headerListBytesMax
    return try HTTP2Session(.client, limits)
  }

  override func connected(_ channel: any Channel) {
    keepalive.start(on: eventLoop) { self.checkAlive() }
  }

  override func bytesArrived() {
    keepalive.sawLife()
  }

  override func ended() {
    keepalive.stop()
    // What has arrived counts.
    while let event = session?.nextEvent() { handle(event) }
    session?.sweep()
    while let event = session?.nextEvent() {
      if case .closed(let stream, _) = event { lost(stream) }
    }
    for call in waiting where !call.isDone {
      owner?.callWasNotProcessed(call, reason: endReason)
    }
    waiting.removeAll()
    owner?.connectionEnded(self, reason: endReason)
    owner = nil
  }

  private func lost(_ stream: HTTP2Stream) {
    call(of: stream)?.connection = nil
    call(of: stream)?.fail(
      RPCError(
        .unavailable, "the connection was lost", detail: "\(shared.target): \(endReason)"))
    stream.attachment = nil
  }

  // MARK: Events

  override func handle(_ event: HTTP2Event) {
    switch event {
    case .header(let stream, let block, let endOfStream):
      headerArrived(block, on: stream, endOfStream: endOfStream)
    case .interim: break
    case .data(let stream, let bytes): dataArrived(bytes, on: stream)
    case .trailer(let stream, let block): trailerArrived(block, on: stream)
    case .endOfStream(let stream):
      fail(callOn: stream, RPCError(.internal, "the response ended without a status"))
    case .drained(let stream): call(of: stream)?.drained()
    case .closed(let stream, let code): closed(stream, code)
    case .settings: settingsArrived()
    case .ping, .pingAcknowledged: break
    case .goAway(_, let code, let reason):
      endReason = "the server said GOAWAY (HTTP/2 error \(code.rawValue)) \(reason)"
      leave()
    }
  }

  private func settingsArrived() {
    if !isReady {
      isReady = true
      owner?.connectionIsReady(self)
    }
    startWaiting()
  }

  private func headerArrived(
    _ block: HeaderBlock, on stream: HTTP2Stream, endOfStream: Bool
  ) {
    guard let call = call(of: stream), !call.isDone else { return }
    let head = ResponseHead(block)
    if let status = head.status, endOfStream || head.httpStatus == nil {
      call.statusArrived(
        status ?? call.statusWithoutMessage, trailers: head.metadata)
    } else if head.httpStatus != 200 || !head.isGRPC {
      call.fail(
        head.httpStatus == 200
          ? RPCError(.unknown, "the server's answer is not gRPC")
          : RPCError(httpStatus: head.httpStatus ?? 0))
    } else {
      do throws(RPCError) {
        try call.headerArrived(head)
      } catch {
        call.fail(error)
      }
    }
    if call.isDone, !endOfStream { abandon(call) }
  }

  private func dataArrived(_ bytes: ByteBuffer, on stream: HTTP2Stream) {
    session?.consumedOnConnection(bytes.readableBytes)
    guard let call = call(of: stream), !call.isDone else {
      session?.consumedOnStream(stream, bytes.readableBytes)
      return
    }
    do throws(RPCError) {
      session?.consumedOnStream(stream, try call.dataArrived(bytes))
    } catch {
      fail(callOn: stream, error)
    }
  }

  /// Lets the server send more on a stream whose reader has taken some.
  func giveCredit(_ stream: HTTP2Stream, _ byteCount: Int) {
    session?.consumedOnStream(stream, byteCount)
    setNeedsFlush()
  }

  private func trailerArrived(_ block: HeaderBlock, on stream: HTTP2Stream) {
    guard let call = call(of: stream), !call.isDone else { return }
    let head = ResponseHead(block)
    guard let status = head.status else {
      return fail(callOn: stream, RPCError(.internal, "the response ended without a status"))
    }
    call.statusArrived(status, trailers: head.metadata)
  }

  private func fail(callOn stream: HTTP2Stream, _ error: RPCError) {
    guard let call = call(of: stream), !call.isDone else { return }
    call.fail(error)
    abandon(call)
  }

  private func closed(_ stream: HTTP2Stream, _ code: ErrorCode) {
    defer { startWaiting() }
    guard let call = call(of: stream) else { return }
    stream.attachment = nil
    call.stream = nil
    call.connection = nil
    guard !call.isDone else { return }
    if code == .refusedStream, !call.hasHeader {
      owner?.callWasNotProcessed(call, reason: isLeaving ? endReason : "the stream was refused")
    } else {
      call.fail(RPCError(http2Code: code.rawValue))
    }
  }

  // MARK: Ending

  override func flush() {
    guard writeOut(), let session else { return }
    if session.isFinished || (isLeaving && session.streamCount == 0) { close() }
  }

  /// Ends the connection; calls under way fail.
  override func fail(_ reason: String) {
    guard !isClosing else { return }
    endReason = reason
    close()
  }

  private func leave() {
    guard !isLeaving else { return }
    isLeaving = true
    let unsent = waiting
    waiting.removeAll()
    owner?.connectionIsLeaving(self)
    for call in unsent where !call.isDone {
      owner?.callWasNotProcessed(call, reason: endReason)
    }
    setNeedsFlush()
  }

  private func checkAlive() {
    guard !isClosing else { return }
    switch keepalive.check(hasCalls: callCount > 0) {
    case .nothing: break
    case .ping:
      session?.ping(Self.keepalivePing)
      setNeedsFlush()
    case .giveUp: fail("the server does not answer pings")
    }
  }
}
