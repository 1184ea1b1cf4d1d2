import Logging
import NIOCore
import RPC

/// Spreads the calls of one event loop over the addresses of the target, in turn ("round robin").
///
/// Everything runs on that loop, except `unary` and `stream`, which hop to it. Connections are made
/// when a call needs one: at most one per address takes calls, and at most as many again may be
/// leaving.
final class Balancer: @unchecked Sendable {
  // Sendable because other threads only use `unary`, `stream`, `close`, `directoryChanged` and
  // constants.

  /// A connection that takes no new calls but still has some.
  private struct Leaving {
    let connection: ClientConnection
    /// Kept because it answers for its connections.
    let subchannel: Subchannel
  }

  let eventLoop: any EventLoop
  private let shared: ClientShared
  private let directory: AddressDirectory
  private var isClosed = false
  /// One for each address.
  private var subchannels: [Subchannel] = []
  // Derived from `subchannels` whenever one changes, so that a call need not look at all of them.
  private var ready: [Subchannel] = []
  private var hasIdle = false
  /// Whose turn is next; clients begin at different addresses.
  private var turn = Int.random(in: 0..<(1 << 16))
  /// Calls that wait for a connection, in the order in which they came.
  private var queue: [ClientCall] = []
  private var leaving: [Leaving] = []
  private var deadlines = DeadlineTimer()
  private var lastFailure = ""
  /// Until then calls wait for a connection even while none is being made.
  private var patienceEnd = NIODeadline.uptimeNanoseconds(0)

  init(_ eventLoop: any EventLoop, shared: ClientShared, directory: AddressDirectory) {
    self.eventLoop = eventLoop
    self.shared = shared
    self.directory = directory
  }

  // MARK: Calls

  func unary(
    _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
  ) async throws(RPCError) -> UnaryResponse {
    let call = try UnaryClientCall(
      method, request: request, options: options, shared: shared)
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
      return continuation.resume(returning: .failure(CallFailure.cancelled))
    }
    call.start(continuation)
    start(call)
  }

  func stream<Outcome: Sendable>(
    _ method: MethodDescriptor, options: CallOptions,
    _ body: (any ClientStream) async throws -> Outcome
  ) async throws -> Outcome {
    let call = StreamingClientCall(
      method, options: options, shared: shared, eventLoop: eventLoop)
    eventLoop.onLoop { self.start(call) }
    // What the server still does after the caller's code has ended isn't wanted.
    defer { eventLoop.onLoop { self.cancel(call) } }
    return try await withTaskCancellationHandler {
      try await body(call)
    } onCancel: {
      eventLoop.execute { self.cancel(call) }
    }
  }

  private func start(_ call: ClientCall) {
    guard !call.isDone else { return }
    guard !call.deadline.hasPassed else { return call.fail(CallFailure.deadlineExceeded) }
    watch(call.deadline.instant)
    submit(call)
  }

  /// Sends the call, or lets it wait for a connection, or fails it.
  private func submit(_ call: ClientCall, avoiding refusing: Subchannel? = nil) {
    guard !isClosed else { return call.fail(CallFailure.closed) }
    if hasIdle { connectIdle() }
    guard !ready.isEmpty else { return wait(call) }
    guard let subchannel = next(avoiding: refusing) else {
      return call.fail(CallFailure.tooManyCalls)
    }
    subchannel.start(call)
  }

  /// The next ready address with room for a call; `refusing` only if there is no other.
  private func next(avoiding refusing: Subchannel?) -> Subchannel? {
    if ready.count == 1, let only = ready.first { return only.hasRoom ? only : nil }
    turn &+= 1
    var fallback: Subchannel?
    for offset in ready.indices {
      let index = UInt(bitPattern: turn &+ offset) % UInt(ready.count)
      let candidate = ready[Int(index)]
      guard candidate.hasRoom else { continue }
      if candidate !== refusing { return candidate }
      fallback = candidate
    }
    return fallback
  }

  // MARK: Waiting for a connection

  private func wait(_ call: ClientCall) {
    guard call.options.waitForReady || canHope else { return call.fail(unavailable) }
    guard queue.count < shared.configuration.callsInFlightMax else {
      return call.fail(CallFailure.tooManyCalls)
    }
    queue.append(call)
    if subchannels.isEmpty { seek() }
  }

  /// Something is under way that may bring a connection.
  private var canHope: Bool {
    if patienceEnd > .now() { return true }
    guard subchannels.isEmpty else { return subchannels.contains { $0.isConnecting } }
    guard let failure = directory.snapshot.failure else { return true }
    lastFailure = failure
    return false
  }

  /// Takes the addresses that are known, or asks for some.
  private func seek() {
    guard directory.snapshot.addresses.isEmpty else { return adoptAddresses() }
    directory.refresh()
  }

  private func connectIdle() {
    for subchannel in subchannels where subchannel.isIdle { subchannel.connect() }
    update()
  }

  private func sendQueue() {
    let calls = queue
    queue.removeAll()
    for call in calls where !call.isDone { submit(call) }
  }

  /// Fails the calls that don't want to wait any longer, if nothing is under way.
  private func giveUpQueue() {
    guard !queue.isEmpty, ready.isEmpty, !canHope else { return }
    let failed = queue.filter { !$0.options.waitForReady }
    queue.removeAll { !$0.options.waitForReady }
    for call in failed { call.fail(unavailable) }
  }

  private func cancel(_ call: ClientCall) {
    guard !call.isDone else { return }
    call.fail(CallFailure.cancelled)
    forget(call)
  }

  private func forget(_ call: ClientCall) {
    if let connection = call.connection {
      connection.abandon(call)
    } else {
      queue.removeAll { $0 === call }
    }
  }

  // MARK: Addresses

  /// The directory has an answer; may be called from any thread.
  func directoryChanged() {
    eventLoop.execute { self.adoptAddresses() }
  }

  private func adoptAddresses() {
    guard !isClosed else { return }
    let snapshot = directory.snapshot
    let isUsed = !ready.isEmpty || !queue.isEmpty
    let gone = subchannels.filter { !snapshot.addresses.contains($0.address) }
    var fresh: [Subchannel] = []
    subchannels = snapshot.addresses.map { address in
      if let known = subchannels.first(where: { $0.address == address }) { return known }
      let subchannel = Subchannel(address, on: eventLoop, shared: shared, owner: self)
      fresh.append(subchannel)
      return subchannel
    }
    update()
    if isUsed {
      for subchannel in fresh { subchannel.connect() }
      update()
    }
    for subchannel in gone { subchannel.drain() }
    guard !queue.isEmpty else { return }
    if hasIdle { connectIdle() }
    giveUpQueue()
    if subchannels.isEmpty, !queue.isEmpty { directory.refresh() }
  }

  private func update() {
    let wasReady = !ready.isEmpty
    ready = subchannels.filter(\.isReady)
    if wasReady, ready.isEmpty, !isClosed { bePatient() }
    hasIdle = subchannels.contains(where: \.isIdle)
  }

  private func bePatient() {
    let patience = shared.configuration.reconnectPatience.timeAmount
    patienceEnd = .now() + patience
    eventLoop.scheduleTask(in: patience) { [weak self] in self?.giveUpQueue() }
  }

  /// Another loop has a connection to `address`; may be called from any thread.
  func addressIsReachable(_ address: SocketAddress) {
    eventLoop.execute { [self] in subchannels.first { $0.address == address }?.endBackoff() }
  }

  // MARK: Deadlines

  private func watch(_ deadline: NIODeadline) {
    deadlines.arm(deadline, on: eventLoop) { self.deadlineFired() }
  }

  private func deadlineFired() {
    deadlines.fired()
    let now = NIODeadline.now()
    for call in calls where !call.isDone {
      if call.deadline.instant <= now {
        call.fail(CallFailure.deadlineExceeded)
        forget(call)
      } else {
        watch(call.deadline.instant)
      }
    }
  }

  private var calls: [ClientCall] {
    queue + subchannels.flatMap(\.calls) + leaving.flatMap(\.connection.calls)
  }

  // MARK: Closing

  func close() {
    guard eventLoop.inEventLoop else { return eventLoop.execute { self.close() } }
    isClosed = true
    deadlines.cancel()
    let calls = calls
    let (subchannels, leaving) = (subchannels, leaving)
    queue.removeAll()
    self.subchannels.removeAll()
    self.leaving.removeAll()
    update()
    for call in calls { call.fail(CallFailure.closed) }
    for subchannel in subchannels { subchannel.close() }
    for entry in leaving { entry.connection.fail("the client was closed") }
  }

  private var unavailable: RPCError {
    RPCError(
      .unavailable, "the service can't be reached", detail: "\(shared.target): \(lastFailure)")
  }
}

// MARK: What subchannels tell

extension Balancer {
  func subchannelIsReady(_ subchannel: Subchannel) {
    update()
    directory.reached(subchannel.address, by: self)
    sendQueue()
  }

  /// A connection could not be made; `subchannel` backs off.
  func subchannelFailed(_ subchannel: Subchannel, reason: String) {
    lastFailure = reason
    update()
    directory.refresh()
    giveUpQueue()
  }

  /// A connection was lost or takes no new calls; the next call makes another.
  func subchannelIsIdle(_ subchannel: Subchannel, reason: String) {
    lastFailure = reason
    update()
    directory.refresh()
    if !queue.isEmpty { connectIdle() }
  }

  func subchannelBackedOff(_ subchannel: Subchannel) {
    update()
    if !queue.isEmpty { connectIdle() }
  }

  /// `connection` takes no new calls but has some.
  func retire(_ connection: ClientConnection, of subchannel: Subchannel) {
    leaving.append(Leaving(connection: connection, subchannel: subchannel))
    // Those that are closing already stay in the list until they are closed.
    for entry in leaving.dropLast(max(1, shared.configuration.addressCountMax)) {
      entry.connection.fail("too many connections are leaving")
    }
  }

  func connectionEnded(_ connection: ClientConnection) {
    leaving.removeAll { $0.connection === connection }
  }

  /// Sent again on another connection, once: the server has not looked at it.
  func callWasNotProcessed(_ call: ClientCall, by subchannel: Subchannel, reason: String) {
    guard !call.isDone else { return }
    call.connection = nil
    call.stream = nil
    guard !call.isRetried, call.isReplayable else {
      return call.fail(
        RPCError(
          .unavailable, "the service did not take the call",
          detail: "\(shared.target): \(reason)"))
    }
    call.isRetried = true
    guard !call.deadline.hasPassed else { return call.fail(CallFailure.deadlineExceeded) }
    watch(call.deadline.instant)
    submit(call, avoiding: subchannel)
  }
}

/// How calls end without an answer from below.
private enum CallFailure {
  static let cancelled = RPCError(.cancelled, "the call was cancelled")
  static let closed = RPCError(.cancelled, "the client was closed")
  static let tooManyCalls = RPCError(.resourceExhausted, "too many calls are under way")
  static let deadlineExceeded = RPCError(
    .deadlineExceeded, "the deadline passed before the answer")
}
