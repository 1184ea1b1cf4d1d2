internal import HTTP2
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import RPC

/// At most one usable connection to the target on one event loop, made when a call needs it.
///
/// Everything runs on that loop, except `call`, which hops to it.
final class Subchannel: @unchecked Sendable {
  // Sendable because other threads only use `call`, `close` and constants.

  private enum State {
    /// No connection, none needed.
    case idle
    case connecting(ClientConnection)
    case ready(ClientConnection)
    /// The last attempt failed; calls fail at once unless they asked to wait.
    case backingOff(Scheduled<Void>)
    case closed
  }

  /// How fast the waits between attempts grow, and how far one may be from its value (gRPC,
  /// "connection-backoff").
  private static let backoffGrowth = 1.6
  private static let backoffJitter = 0.2

  let eventLoop: any EventLoop
  private let shared: ClientShared
  private var state = State.idle
  private var failureCount = 0
  private var lastFailure = ""
  /// Calls that wait for a connection.
  private var queue: [ClientCall] = []
  /// Connections that take no new calls but still have some.
  private var leaving: [ClientConnection] = []
  private var deadlines = DeadlineTimer()
  private var connectTimer: Scheduled<Void>?

  init(_ eventLoop: any EventLoop, shared: ClientShared) {
    self.eventLoop = eventLoop
    self.shared = shared
  }

  // MARK: Calls

  func unary(
    _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
  ) async throws(RPCError) -> UnaryResponse {
    let call = try UnaryClientCall(
      method, request: request, options: options,
      messageBytesMax: shared.configuration.messageBytesMax)
    let outcome = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        if eventLoop.inEventLoop {
          start(call, continuation)
        } else {
          eventLoop.execute { self.start(call, continuation) }
        }
      }
    } onCancel: {
      eventLoop.execute { self.cancel(call) }
    }
    return try outcome.get()
  }

  private func start(
    _ call: UnaryClientCall,
    _ continuation: CheckedContinuation<UnaryClientCall.Outcome, Never>
  ) {
    guard !call.isDone else {
      return continuation.resume(returning: .failure(Self.cancelled))
    }
    call.start(continuation)
    start(call)
  }

  func stream<Outcome: Sendable>(
    _ method: MethodDescriptor, options: CallOptions,
    _ body: (any ClientStream) async throws -> Outcome
  ) async throws -> Outcome {
    let call = StreamingClientCall(
      method, options: options, messageBytesMax: shared.configuration.messageBytesMax,
      eventLoop: eventLoop)
    eventLoop.onLoop { self.start(call) }
    // Whatever the server still does after the caller's code has ended is for nobody.
    defer { eventLoop.onLoop { self.cancel(call) } }
    return try await withTaskCancellationHandler {
      try await body(call)
    } onCancel: {
      eventLoop.execute { self.cancel(call) }
    }
  }

  private func start(_ call: ClientCall) {
    guard !call.isDone else { return }
    guard call.deadlineOnLoop > .now() else { return call.fail(Self.deadlineExceeded) }
    watch(call.deadlineOnLoop)
    submit(call)
  }

  private func submit(_ call: ClientCall) {
    switch state {
    case .ready(let connection):
      guard connection.callCount < shared.configuration.callsInFlightMax else {
        return call.fail(Self.tooManyCalls)
      }
      connection.start(call)
    case .idle:
      queue.append(call)
      connect()
    case .connecting: enqueue(call)
    case .backingOff:
      if call.options.waitForReady { enqueue(call) } else { call.fail(unavailable) }
    case .closed: call.fail(Self.closed)
    }
  }

  private func enqueue(_ call: ClientCall) {
    guard queue.count < shared.configuration.callsInFlightMax else {
      return call.fail(Self.tooManyCalls)
    }
    queue.append(call)
  }

  private func cancel(_ call: ClientCall) {
    guard !call.isDone else { return }
    call.fail(Self.cancelled)
    forget(call)
  }

  private func forget(_ call: ClientCall) {
    if let connection = call.connection {
      connection.abandon(call)
    } else {
      queue.removeAll { $0 === call }
    }
  }

  // MARK: Deadlines

  private func watch(_ deadline: NIODeadline) {
    deadlines.arm(deadline, on: eventLoop) { self.deadlineFired() }
  }

  private func deadlineFired() {
    deadlines.fired()
    let now = NIODeadline.now()
    var connections = leaving
    if case .ready(let connection) = state { connections.append(connection) }
    for call in queue + connections.flatMap(\.calls) where !call.isDone {
      if call.deadlineOnLoop <= now {
        call.fail(Self.deadlineExceeded)
        forget(call)
      } else {
        watch(call.deadlineOnLoop)
      }
    }
  }

  // MARK: Connecting

  private func connect() {
    let connection = ClientConnection(eventLoop, shared: shared, owner: self)
    state = .connecting(connection)
    let configuration = shared.configuration
    // The certificate files are read before anything is sent.
    do {
      try shared.loadCredentials()
    } catch {
      return connectionEnded(connection, reason: "\(error)")
    }
    let timeout = configuration.connectTimeout.timeAmount
    connectTimer = eventLoop.scheduleTask(in: timeout) { [weak self] in
      connection.close("no connection within \(configuration.connectTimeout)")
      self?.connectionEnded(
        connection, reason: "no connection within \(configuration.connectTimeout)")
    }
    ClientBootstrap(group: eventLoop)
      .connectTimeout(timeout)
      .channelOption(.socketOption(.tcp_nodelay), value: 1)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(connection)
        }
      }
      .connect(host: configuration.host, port: configuration.port)
      .hop(to: eventLoop)
      .whenFailure { error in self.connectionEnded(connection, reason: "\(error)") }
  }

  private func backOff(_ reason: String) {
    failureCount += 1
    lastFailure = reason
    let configuration = shared.configuration
    let grown =
      Double(configuration.backoffMin.nanosecondsClamped)
      * pow(Self.backoffGrowth, failureCount - 1)
    let bounded = min(grown, Double(configuration.backoffMax.nanosecondsClamped))
    let jitter = Double.random(in: (1 - Self.backoffJitter)...(1 + Self.backoffJitter))
    state = .backingOff(
      eventLoop.scheduleTask(in: .nanoseconds(Int64(bounded * jitter))) { self.backoffEnded() })
    shared.logger.debug(
      "can't connect", metadata: ["target": "\(shared.target)", "reason": "\(reason)"])
    let failed = queue.filter { !$0.options.waitForReady }
    queue.removeAll { !$0.options.waitForReady }
    for call in failed { call.fail(unavailable) }
  }

  private func pow(_ base: Double, _ exponent: Int) -> Double {
    // Far beyond any `backoffMax`.
    (0..<min(exponent, 64)).reduce(1) { power, _ in power * base }
  }

  private func backoffEnded() {
    guard case .backingOff = state else { return }
    state = .idle
    if !queue.isEmpty { connect() }
  }

  // MARK: Closing

  func close() {
    guard eventLoop.inEventLoop else { return eventLoop.execute { self.close() } }
    let connections = leaving + (current.map { [$0] } ?? [])
    if case .backingOff(let timer) = state { timer.cancel() }
    state = .closed
    connectTimer?.cancel()
    deadlines.cancel()
    let calls = queue + connections.flatMap(\.calls)
    queue.removeAll()
    for call in calls { call.fail(Self.closed) }
    for connection in connections { connection.close("the client was closed") }
  }

  private var current: ClientConnection? {
    switch state {
    case .connecting(let connection), .ready(let connection): connection
    case .idle, .backingOff, .closed: nil
    }
  }

  // MARK: Failures

  private static let cancelled = RPCError(.cancelled, "the call was cancelled")
  private static let closed = RPCError(.cancelled, "the client was closed")
  private static let tooManyCalls = RPCError(.resourceExhausted, "too many calls are under way")
  private static let deadlineExceeded = RPCError(
    .deadlineExceeded, "the deadline passed before the answer")

  private var unavailable: RPCError {
    RPCError(.unavailable, "the service can't be reached", detail: detail(lastFailure))
  }

  private func detail(_ reason: String) -> String { "\(shared.target): \(reason)" }
}

extension Subchannel: ClientConnectionOwner {
  func connectionIsReady(_ connection: ClientConnection) {
    guard case .connecting(let expected) = state, expected === connection else { return }
    connectTimer?.cancel()
    failureCount = 0
    state = .ready(connection)
    let calls = queue
    queue.removeAll()
    for call in calls where !call.isDone { connection.start(call) }
  }

  func connectionIsLeaving(_ connection: ClientConnection) {
    guard current === connection else { return }
    leaving.append(connection)
    if case .connecting = state {
      connectTimer?.cancel()
      backOff("the server said GOAWAY at once")
    } else {
      state = .idle
    }
  }

  func connectionEnded(_ connection: ClientConnection, reason: String) {
    leaving.removeAll { $0 === connection }
    guard current === connection else { return }
    if case .connecting = state {
      connectTimer?.cancel()
      backOff(reason)
    } else {
      state = .idle
      lastFailure = reason
    }
  }

  /// Sent again on another connection, once: the server has not looked at it.
  func callWasNotProcessed(_ call: ClientCall, reason: String) {
    guard !call.isDone else { return }
    call.connection = nil
    call.stream = nil
    guard !call.isRetried, call.isReplayable else {
      return call.fail(
        RPCError(.unavailable, "the service did not take the call", detail: detail(reason)))
    }
    call.isRetried = true
    submit(call)
  }
}
