import HTTP2
import Logging
import NIOCore
import NIOPosix
import Pacing
import RPC

/// At most one usable connection to one address on one event loop; everything runs on that loop.
final class Subchannel: @unchecked Sendable {
  // Sendable because callbacks of NIO, which are on the loop, need it.

  private enum State {
    /// No connection, none needed.
    case idle
    case connecting(ClientConnection)
    case ready(ClientConnection)
    /// The last attempt failed.
    case backingOff(Scheduled<Void>)
    /// The address is gone or the client was closed.
    case closed
  }

  let address: SocketAddress
  private let eventLoop: any EventLoop
  private let shared: ClientShared
  private weak var owner: Balancer?
  private var state = State.idle
  private var failureCount = 0
  private var connectTimer: Scheduled<Void>?
  private var isStartingCall = false

  init(
    _ address: SocketAddress, on eventLoop: any EventLoop, shared: ClientShared, owner: Balancer
  ) {
    self.address = address
    self.eventLoop = eventLoop
    self.shared = shared
    self.owner = owner
  }

  var isIdle: Bool { if case .idle = state { true } else { false } }
  var isConnecting: Bool { if case .connecting = state { true } else { false } }
  var isReady: Bool { if case .ready = state { true } else { false } }

  private var current: ClientConnection? {
    switch state {
    case .connecting(let connection), .ready(let connection): connection
    case .idle, .backingOff, .closed: nil
    }
  }

  // MARK: Calls

  /// Ready, and one more call is within the limit.
  var hasRoom: Bool {
    guard case .ready(let connection) = state else { return false }
    return connection.callCount < shared.configuration.callsInFlightMax
  }

  func start(_ call: ClientCall) {
    guard case .ready(let connection) = state else {
      owner?.callWasNotProcessed(call, by: self, reason: "the connection was lost")
      return
    }
    isStartingCall = true
    connection.start(call)
    isStartingCall = false
  }

  var calls: [ClientCall] { current?.calls ?? [] }

  // MARK: Connecting

  func connect() {
    let connection = ClientConnection(eventLoop, shared: shared, owner: self)
    state = .connecting(connection)
    // The certificate files are read before anything is sent.
    do {
      try shared.loadCredentials()
    } catch {
      return connectionEnded(connection, reason: "\(error)")
    }
    let timeout = shared.configuration.connectTimeout
    connectTimer = eventLoop.scheduleTask(in: timeout.timeAmount) { [weak self] in
      connection.fail("no connection within \(timeout)")
      self?.connectionEnded(connection, reason: "no connection within \(timeout)")
    }
    ClientBootstrap(group: eventLoop)
      .connectTimeout(timeout.timeAmount)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(connection)
        }
      }
      .connect(to: address)
      .hop(to: eventLoop)
      .whenFailure { error in self.connectionEnded(connection, reason: "\(error)") }
  }

  private func backOff(_ reason: String) {
    connectTimer?.cancel()
    failureCount += 1
    let wait = shared.configuration.backoff.wait(afterFailures: failureCount)
    state = .backingOff(
      eventLoop.scheduleTask(in: wait.timeAmount) { [weak self] in self?.backoffEnded() })
    shared.logger.debug(
      "can't connect",
      metadata: ["target": "\(shared.target)", "reason": "\(located(reason))"])
    owner?.subchannelFailed(self, reason: located(reason))
  }

  private func backoffEnded() {
    guard case .backingOff = state else { return }
    state = .idle
    owner?.subchannelBackedOff(self)
  }

  /// Another loop has reached the address: the wait is over.
  func endBackoff() {
    guard case .backingOff(let timer) = state else { return }
    timer.cancel()
    failureCount = 0
    backoffEnded()
  }

  /// Says which of several addresses a failure is about.
  private func located(_ reason: String) -> String {
    let label = address.shortDescription
    return label == shared.target ? reason : "\(label): \(reason)"
  }

  // MARK: Ending

  /// Takes no more calls and ends when those under way have: the address is no longer the target's.
  func drain() {
    guard case .ready(let connection) = state, let session = connection.session else {
      return close()
    }
    state = .closed
    owner?.retire(connection, of: self)
    // The session is over when its last stream is, and then the connection closes.
    session.goAway(.noError)
    connection.setNeedsFlush()
  }

  func close() {
    let connection = current
    if case .backingOff(let timer) = state { timer.cancel() }
    connectTimer?.cancel()
    state = .closed
    connection?.fail("the connection is no longer wanted")
  }
}

extension Subchannel: ClientConnectionOwner {
  func connectionIsReady(_ connection: ClientConnection) {
    guard case .connecting(let expected) = state, expected === connection else { return }
    connectTimer?.cancel()
    failureCount = 0
    state = .ready(connection)
    owner?.subchannelIsReady(self)
  }

  func connectionIsLeaving(_ connection: ClientConnection) {
    guard current === connection else { return }
    owner?.retire(connection, of: self)
    if isConnecting {
      backOff("the server said GOAWAY at once")
    } else {
      state = .idle
      owner?.subchannelIsIdle(self, reason: located("the server said GOAWAY"))
    }
  }

  func connectionEnded(_ connection: ClientConnection, reason: String) {
    owner?.connectionEnded(connection)
    guard current === connection else { return }
    if isConnecting {
      backOff(reason)
    } else {
      state = .idle
      owner?.subchannelIsIdle(self, reason: located(reason))
    }
  }

  func callWasNotProcessed(_ call: ClientCall, reason: String) {
    // Refused at once: the connection is closing and has not said so yet.
    if isStartingCall, case .ready(let connection) = state {
      state = .idle
      owner?.retire(connection, of: self)
      owner?.subchannelIsIdle(self, reason: located(reason))
    }
    // Later, because a connection names its calls before it says that it has ended.
    eventLoop.execute { [self] in
      guard let owner else {
        return call.fail(
          RPCError(.unavailable, "the service did not take the call", detail: reason))
      }
      owner.callWasNotProcessed(call, by: self, reason: located(reason))
    }
  }
}
