import Addresses
import DequeModule
import NIOCore
import Providers
import Synchronization

/// The connections to providers: those without an exchange wait here for the next one.
///
/// A connection serves whoever may use its address *now*: a name that has moved takes its users
/// along.
final class UpstreamPool: Sendable {
  /// Whom a connection leads to, and how.
  struct Origin: Hashable, Sendable {
    let scheme: EndpointURL.Scheme
    let host: EndpointHost
    let port: Int

    init(_ url: EndpointURL) {
      (scheme, host, port) = (url.scheme, url.host, url.port)
    }
  }

  private struct Waiter {
    let id: UInt64
    let endpoint: CheckedEndpoint
    let eventLoop: any EventLoop
    let continuation: CheckedContinuation<UpstreamConnection, any Error>
  }

  private struct Idle {
    let connection: UpstreamConnection
    let since: NIODeadline
  }

  private struct Host {
    /// Connections, those that are being made too.
    var connectionCount = 0
    var connectingCount = 0
    /// The one that was used last is taken first: the others may go.
    var idle: [Idle] = []
    var waiters: Deque<Waiter> = []
  }

  private struct State {
    var hosts: [Origin: Host] = [:]
    var connections: [ObjectIdentifier: UpstreamConnection] = [:]
    var idleCount = 0
    var nextWaiter: UInt64 = 0
    var isClosed = false
  }

  private let state = Mutex(State())
  private let connector: UpstreamConnector
  private let limits: UpstreamLimits

  init(_ connector: UpstreamConnector, limits: UpstreamLimits) {
    self.connector = connector
    self.limits = limits
  }

  /// A connection without an exchange, on `eventLoop` where that costs nothing.
  ///
  /// - Parameter isFresh: made for this, so that the provider can't have closed it.
  func connection(
    to endpoint: CheckedEndpoint, on eventLoop: any EventLoop, isFresh: Bool
  ) async throws(UpstreamError) -> UpstreamConnection {
    if !isFresh, let idle = state.withLock({ takeIdle(endpoint, on: eventLoop, from: &$0) }) {
      return idle
    }
    let id = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    do {
      return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
          wait(
            Waiter(id: id, endpoint: endpoint, eventLoop: eventLoop, continuation: continuation))
        }
      } onCancel: {
        giveUp(id, endpoint, .cancelled)
      }
    } catch {
      throw UpstreamError(onConnection: error)
    }
  }

  /// Closes every connection; exchanges under way fail.
  func close() async {
    let (connections, waiters) = state.withLock { state in
      state.isClosed = true
      let waiters = state.hosts.values.flatMap(\.waiters)
      for origin in state.hosts.keys { state.hosts[origin]?.waiters = [] }
      return (Array(state.connections.values), waiters)
    }
    for waiter in waiters { waiter.continuation.resume(throwing: UpstreamError.cancelled) }
    for connection in connections { connection.abort() }
    for connection in connections { try? await connection.channel.closeFuture.get() }
  }

  // MARK: Waiting

  private enum Joining {
    case waits, connects, refused
  }

  private func wait(_ waiter: Waiter) {
    let origin = Origin(waiter.endpoint.url)
    let joining = state.withLock { state -> Joining in
      // Asked under the lock: a later cancellation finds the waiter.
      if state.isClosed || Task.isCancelled { return .refused }
      state.hosts[origin, default: Host()].waiters.append(waiter)
      return startsConnection(origin, &state) ? .connects : .waits
    }
    switch joining {
    case .refused: waiter.continuation.resume(throwing: UpstreamError.cancelled)
    case .connects: connect(waiter.endpoint, on: waiter.eventLoop)
    case .waits:
      waiter.eventLoop.scheduleTask(in: TimeAmount(limits.connectTimeout)) {
        self.giveUp(waiter.id, waiter.endpoint, .tooManyConnections)
      }
    }
  }

  /// Counts the connection that the caller has to make then.
  private func startsConnection(_ origin: Origin, _ state: inout State) -> Bool {
    guard let host = state.hosts[origin], host.connectionCount < limits.connectionsPerHostMax
    else { return false }
    state.hosts[origin]?.connectionCount += 1
    state.hosts[origin]?.connectingCount += 1
    return true
  }

  private func giveUp(_ id: UInt64, _ endpoint: CheckedEndpoint, _ error: UpstreamError) {
    let origin = Origin(endpoint.url)
    let waiter = state.withLock { state -> Waiter? in
      guard let index = state.hosts[origin]?.waiters.firstIndex(where: { $0.id == id }) else {
        return nil
      }
      return state.hosts[origin]?.waiters.remove(at: index)
    }
    waiter?.continuation.resume(throwing: error)
  }

  // MARK: Connections

  private func connect(_ endpoint: CheckedEndpoint, on eventLoop: any EventLoop) {
    let report: @Sendable (UpstreamConnection, UpstreamConnection.Event) -> Void = {
      [weak self] connection, event in
      switch event {
      case .idle: self?.offer(connection)
      case .closed: self?.forget(connection)
      }
    }
    connector.connect(endpoint, on: eventLoop, report: report).whenComplete { result in
      switch result {
      case .success(let connection): self.add(connection)
      case .failure(let error): self.connectFailed(endpoint, UpstreamError(connecting: error))
      }
    }
  }

  private func add(_ connection: UpstreamConnection) {
    let isClosed = state.withLock { state in
      state.hosts[connection.origin]?.connectingCount -= 1
      // It may have gone already; `forget` came too early then.
      guard !state.isClosed else { return true }
      state.connections[ObjectIdentifier(connection)] = connection
      return false
    }
    guard !isClosed else { return connection.abort() }
    offer(connection)
    if !connection.channel.isActive { forget(connection) }
  }

  /// Gives a connection to whoever waits for longest, or keeps it.
  private func offer(_ connection: UpstreamConnection) {
    let (waiter, evicted) = state.withLock { state -> (Waiter?, UpstreamConnection?) in
      guard state.connections[ObjectIdentifier(connection)] != nil, !state.isClosed else {
        return (nil, connection)
      }
      let waiters = state.hosts[connection.origin]?.waiters ?? []
      if let index = waiters.firstIndex(where: { $0.endpoint.leads(to: connection.address) }) {
        return (state.hosts[connection.origin]?.waiters.remove(at: index), nil)
      }
      state.hosts[connection.origin]?.idle.append(Idle(connection: connection, since: .now()))
      state.idleCount += 1
      return (nil, state.idleCount > limits.idleConnectionsMax ? takeOldestIdle(from: &state) : nil)
    }
    waiter?.continuation.resume(returning: connection)
    evicted?.abort()
  }

  private func forget(_ connection: UpstreamConnection) {
    let next = state.withLock { state -> Waiter? in
      guard state.connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else {
        return nil
      }
      let idle = state.hosts[connection.origin]?.idle.firstIndex { $0.connection === connection }
      if let idle {
        state.hosts[connection.origin]?.idle.remove(at: idle)
        state.idleCount -= 1
      }
      return ended(connection.origin, &state)
    }
    if let next { connect(next.endpoint, on: next.eventLoop) }
  }

  private func connectFailed(_ endpoint: CheckedEndpoint, _ error: UpstreamError) {
    let origin = Origin(endpoint.url)
    let (waiter, next) = state.withLock { state in
      state.hosts[origin]?.connectingCount -= 1
      let waiter = state.hosts[origin]?.waiters.popFirst()
      return (waiter, ended(origin, &state))
    }
    waiter?.continuation.resume(throwing: error)
    if let next { connect(next.endpoint, on: next.eventLoop) }
  }

  /// One connection fewer; whoever waits for want of one gets another, which the caller makes.
  private func ended(_ origin: Origin, _ state: inout State) -> Waiter? {
    state.hosts[origin]?.connectionCount -= 1
    guard let host = state.hosts[origin] else { return nil }
    if host.connectionCount <= 0, host.waiters.isEmpty {
      state.hosts[origin] = nil
      return nil
    }
    guard host.waiters.count > host.connectingCount, let waiter = host.waiters.last,
      startsConnection(origin, &state)
    else { return nil }
    return waiter
  }

  // MARK: Without an exchange

  private func takeIdle(
    _ endpoint: CheckedEndpoint, on eventLoop: any EventLoop, from state: inout State
  ) -> UpstreamConnection? {
    let origin = Origin(endpoint.url)
    guard let host = state.hosts[origin], !host.idle.isEmpty else { return nil }
    let usable = host.idle.indices.reversed().filter {
      endpoint.leads(to: host.idle[$0].connection.address)
    }
    let near = usable.first { host.idle[$0].connection.eventLoop === eventLoop }
    // Another loop's costs two changes of thread: less than a limit that makes others wait.
    let isFull = host.connectionCount >= limits.connectionsPerHostMax
    guard let index = near ?? (isFull ? usable.first : nil) else { return nil }
    state.idleCount -= 1
    return state.hosts[origin]?.idle.remove(at: index).connection
  }

  private func takeOldestIdle(from state: inout State) -> UpstreamConnection? {
    let oldest = state.hosts.compactMap { origin, host in
      host.idle.first.map { (origin, $0.since) }
    }
    .min { $0.1 < $1.1 }
    guard let oldest else { return nil }
    state.idleCount -= 1
    return state.hosts[oldest.0]?.idle.removeFirst().connection
  }
}
