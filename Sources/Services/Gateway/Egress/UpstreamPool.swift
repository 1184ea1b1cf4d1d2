import Addresses
import DequeModule
import NIOCore
import Providers
import Synchronization

/// The connections to providers: those with room for an exchange wait here for the next one.
///
/// A connection serves whoever may use its address *now*: a name that has moved takes its users
/// along.
final class UpstreamPool: Sendable {
  private struct Waiter {
    let id: UInt64
    let endpoint: CheckedEndpoint
    let origin: Origin
    let eventLoop: any EventLoop
    let isFresh: Bool
    let continuation: CheckedContinuation<any UpstreamConnection, any Error>
  }

  /// A connection and what is under way on it.
  private final class Member: @unchecked Sendable {
    // Sendable because it is touched under the pool's lock only.
    let connection: any UpstreamConnection
    /// Who waits has a higher number than the last waiter before it was made.
    let number: UInt64
    var exchangesMax: Int
    var exchangeCount = 0
    var idleSince = NIODeadline.now()

    init(_ connection: any UpstreamConnection, number: UInt64, exchangesMax: Int) {
      (self.connection, self.number) = (connection, number)
      self.exchangesMax = exchangesMax
    }

    var hasRoom: Bool { exchangeCount < exchangesMax }
  }

  private struct Host {
    /// Connections, those that are being made too.
    var connectionCount = 0
    /// Those that are being made, by event loop.
    var connecting: [ObjectIdentifier: Int] = [:]
    /// With room. The one that was used last is taken first: the others may go.
    var open: [Member] = []
    var waiters: Deque<Waiter> = []

    var connectingCount: Int { connecting.values.reduce(0, +) }

    mutating func endConnecting(on eventLoop: any EventLoop) {
      let loop = ObjectIdentifier(eventLoop)
      let left = (connecting[loop] ?? 0) - 1
      connecting[loop] = left > 0 ? left : nil
    }
  }

  private struct State {
    var hosts: [Origin: Host] = [:]
    var members: [ObjectIdentifier: Member] = [:]
    var protocols = KnownProtocols()
    /// Connections without an exchange.
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

  /// A connection with room for the caller's exchange, on `eventLoop` where that costs nothing. The
  /// caller begins one.
  ///
  /// - Parameters:
  ///   - isFresh: made after this was called, so that the provider can't have closed it; where the
  ///     host may have no further connection, any.
  ///   - usesHTTP1: HTTP/2 won't do.
  func connection(
    to endpoint: CheckedEndpoint, on eventLoop: any EventLoop, isFresh: Bool, usesHTTP1: Bool
  ) async throws(UpstreamError) -> any UpstreamConnection {
    let (id, origin, taken) = state.withLock {
      state -> (UInt64, Origin, (any UpstreamConnection)?) in
      let origin = self.origin(of: endpoint, usesHTTP1: usesHTTP1, state)
      let taken = take(endpoint, origin, on: eventLoop, isFresh: isFresh, from: &state)
      state.nextWaiter += 1
      return (state.nextWaiter, origin, taken)
    }
    if let taken { return taken }
    do {
      return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
          wait(
            Waiter(
              id: id, endpoint: endpoint, origin: origin, eventLoop: eventLoop,
              isFresh: isFresh, continuation: continuation))
        }
      } onCancel: {
        giveUp(id, origin, .cancelled)
      }
    } catch {
      throw UpstreamError(onConnection: error)
    }
  }

  /// The provider has said that it wants HTTP/1.1.
  func avoidHTTP2(to endpoint: CheckedEndpoint) {
    state.withLock { state in
      state.protocols.learn(.avoidsHTTP2, of: Origin(endpoint.url, offersHTTP2: true))
    }
  }

  /// Closes every connection; exchanges under way fail.
  func close() async {
    let (connections, waiters) = state.withLock { state in
      state.isClosed = true
      let waiters = state.hosts.values.flatMap(\.waiters)
      for origin in state.hosts.keys { state.hosts[origin]?.waiters = [] }
      return (state.members.values.map(\.connection), waiters)
    }
    for waiter in waiters { waiter.continuation.resume(throwing: UpstreamError.cancelled) }
    for connection in connections { connection.close() }
    for connection in connections { try? await connection.channel.closeFuture.get() }
  }

  // MARK: Protocols

  private func origin(
    of endpoint: CheckedEndpoint, usesHTTP1: Bool, _ state: borrowing State
  ) -> Origin {
    let origin = Origin(endpoint.url, offersHTTP2: limits.offersHTTP2 && !usesHTTP1)
    return state.protocols.avoidsHTTP2(origin)
      ? Origin(endpoint.url, offersHTTP2: false) : origin
  }

  // MARK: Waiting

  private enum Joining { case waits, connects, refused }

  private func wait(_ waiter: Waiter) {
    let joining = state.withLock { state -> Joining in
      // Asked under the lock: a later cancellation finds the waiter.
      if state.isClosed || Task.isCancelled { return .refused }
      state.hosts[waiter.origin, default: Host()].waiters.append(waiter)
      return startsConnection(waiter, &state) ? .connects : .waits
    }
    switch joining {
    case .refused: waiter.continuation.resume(throwing: UpstreamError.cancelled)
    case .connects: connect(waiter)
    case .waits:
      waiter.eventLoop.scheduleTask(in: TimeAmount(limits.connectTimeout)) {
        self.giveUp(waiter.id, waiter.origin, .tooManyConnections)
      }
    }
  }

  /// Whether those who wait on `waiter`'s event loop need another connection; counts the one that
  /// the caller has to make then.
  private func startsConnection(_ waiter: Waiter, _ state: inout State) -> Bool {
    let origin = waiter.origin
    guard let host = state.hosts[origin], host.connectionCount < limits.connectionsPerHostMax
    else { return false }
    let loop = ObjectIdentifier(waiter.eventLoop)
    let expected = state.protocols.exchangesExpected(of: origin)
    if expected > 1, let connecting = host.connecting[loop] {
      let waiting = host.waiters.count { $0.eventLoop === waiter.eventLoop }
      guard waiting > connecting * expected else { return false }
    }
    state.hosts[origin]?.connectionCount += 1
    state.hosts[origin]?.connecting[loop, default: 0] += 1
    return true
  }

  private func giveUp(_ id: UInt64, _ origin: Origin, _ error: UpstreamError) {
    let waiter = state.withLock { state -> Waiter? in
      guard let index = state.hosts[origin]?.waiters.firstIndex(where: { $0.id == id }) else {
        return nil
      }
      return state.hosts[origin]?.waiters.remove(at: index)
    }
    waiter?.continuation.resume(throwing: error)
  }

  // MARK: Connections

  private func connect(_ waiter: Waiter) {
    let report: UpstreamReport = { [weak self] connection, event in
      switch event {
      case .exchangeEnded: self?.exchangeEnded(on: connection)
      case .exchangesMax(let count): self?.setExchangesMax(count, of: connection)
      case .closed: self?.forget(connection)
      }
    }
    connector.connect(waiter.endpoint, waiter.origin, on: waiter.eventLoop, report: report)
      .whenComplete { result in
        switch result {
        case .success(let connection): self.add(connection)
        case .failure(let error): self.connectFailed(waiter, UpstreamError(connecting: error))
        }
      }
  }

  private func add(_ connection: any UpstreamConnection) {
    let origin = connection.origin
    let exchangesMax = type(of: connection).exchangesMax
    let (member, others) = state.withLock { state -> (Member?, [Waiter]) in
      state.hosts[origin]?.endConnecting(on: connection.eventLoop)
      guard !state.isClosed else { return (nil, []) }
      let wasOpen = state.protocols.isOpen(origin)
      let isShared = exchangesMax > 1
      if !isShared {
        state.protocols.learn(.http1, of: origin)
      } else if state.protocols.exchangesExpected(of: origin) == 1 || wasOpen {
        state.protocols.learn(.http2(exchangesMax: exchangesMax), of: origin)
      }
      let expected = state.protocols.exchangesExpected(of: origin)
      let member = Member(
        connection, number: state.nextWaiter, exchangesMax: min(exchangesMax, expected))
      state.members[ObjectIdentifier(connection)] = member
      state.idleCount += 1
      state.hosts[origin]?.open.append(member)
      return (member, wasOpen && !isShared ? needing(origin, &state) : [])
    }
    guard let member else { return connection.close() }
    for waiter in others { connect(waiter) }
    serve(member)
    // It may have gone already; `forget` came too early then.
    if !connection.channel.isActive { forget(connection) }
  }

  /// Those who waited for word of the first connection, which serves only one of them; each gets
  /// its own, which the caller makes.
  private func needing(_ origin: Origin, _ state: inout State) -> [Waiter] {
    let waiters = state.hosts[origin].map { Array($0.waiters.dropFirst()) } ?? []
    return waiters.filter { waiter in
      (state.hosts[origin].map { $0.waiters.count - 1 > $0.connectingCount } ?? false)
        && startsConnection(waiter, &state)
    }
  }

  /// Gives a connection with room to those who wait for longest; keeps it, if it is idle, at the
  /// cost of the oldest idle one.
  private func serve(_ member: Member) {
    let (waiters, evicted) = state.withLock { state -> ([Waiter], (any UpstreamConnection)?) in
      let connection = member.connection
      guard state.members[ObjectIdentifier(connection)] != nil, !state.isClosed else {
        return ([], member.exchangeCount == 0 ? connection : nil)
      }
      var served: [Waiter] = []
      let isFull = isFull(connection.origin, state)
      while member.hasRoom,
        let index = state.hosts[connection.origin]?.waiters.firstIndex(where: {
          $0.endpoint.leads(to: connection.address)
            && (!$0.isFresh || member.number >= $0.id || isFull)
        }), let waiter = state.hosts[connection.origin]?.waiters.remove(at: index)
      {
        occupy(member, &state)
        served.append(waiter)
      }
      return (served, state.idleCount > limits.idleConnectionsMax ? takeOldestIdle(&state) : nil)
    }
    for waiter in waiters { waiter.continuation.resume(returning: member.connection) }
    evicted?.close()
  }

  private func exchangeEnded(on connection: any UpstreamConnection) {
    let member = state.withLock { state -> Member? in
      guard let member = state.members[ObjectIdentifier(connection)], member.exchangeCount > 0
      else { return nil }
      let hadRoom = member.hasRoom
      member.exchangeCount -= 1
      if member.exchangeCount == 0 {
        member.idleSince = .now()
        state.idleCount += 1
      }
      guard member.hasRoom else { return nil }
      if !hadRoom { state.hosts[connection.origin]?.open.append(member) }
      return member
    }
    if let member { serve(member) }
  }

  private func setExchangesMax(_ count: Int, of connection: any UpstreamConnection) {
    let member = state.withLock { state -> Member? in
      if count > 0 { state.protocols.learn(.http2(exchangesMax: count), of: connection.origin) }
      guard let member = state.members[ObjectIdentifier(connection)] else { return nil }
      let hadRoom = member.hasRoom
      member.exchangesMax = count
      if hadRoom, !member.hasRoom {
        state.hosts[connection.origin]?.open.removeAll { $0 === member }
      }
      guard member.hasRoom else { return nil }
      if !hadRoom { state.hosts[connection.origin]?.open.append(member) }
      return member
    }
    if let member { serve(member) }
  }

  private func forget(_ connection: any UpstreamConnection) {
    let next = state.withLock { state -> Waiter? in
      guard let member = state.members.removeValue(forKey: ObjectIdentifier(connection)) else {
        return nil
      }
      if member.exchangeCount == 0 { state.idleCount -= 1 }
      state.hosts[connection.origin]?.open.removeAll { $0 === member }
      return ended(connection.origin, &state)
    }
    if let next { connect(next) }
  }

  private func connectFailed(_ maker: Waiter, _ error: UpstreamError) {
    let origin = maker.origin
    let (failed, next) = state.withLock { state -> ([Waiter], Waiter?) in
      state.hosts[origin]?.endConnecting(on: maker.eventLoop)
      var failed: [Waiter] = []
      if state.protocols.exchangesExpected(of: origin) > 1 {
        // All who waited for this one: they would fail one after the other.
        let waiters = state.hosts[origin]?.waiters ?? []
        failed = waiters.filter {
          $0.eventLoop === maker.eventLoop && $0.endpoint.addresses == maker.endpoint.addresses
        }
        let ids = Set(failed.map(\.id))
        state.hosts[origin]?.waiters.removeAll { ids.contains($0.id) }
      } else if let first = state.hosts[origin]?.waiters.popFirst() {
        failed = [first]
      }
      return (failed, ended(origin, &state))
    }
    for waiter in failed { waiter.continuation.resume(throwing: error) }
    if let next { connect(next) }
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
      startsConnection(waiter, &state)
    else { return nil }
    return waiter
  }

  // MARK: Room

  private func take(
    _ endpoint: CheckedEndpoint, _ origin: Origin, on eventLoop: any EventLoop, isFresh: Bool,
    from state: inout State
  ) -> (any UpstreamConnection)? {
    guard let host = state.hosts[origin], !host.open.isEmpty else { return nil }
    func leadsThere(_ member: Member) -> Bool { endpoint.leads(to: member.connection.address) }
    let isFull = isFull(origin, state)
    guard !isFresh || isFull else { return nil }
    let near = host.open.last { $0.connection.eventLoop === eventLoop && leadsThere($0) }
    // Another loop's costs two changes of thread: less than waiting.
    let far = isFull ? host.open.last(where: leadsThere) : nil
    guard let member = near ?? far else { return nil }
    occupy(member, &state)
    return member.connection
  }

  /// Whether there may be no further connection: then a used one is better than none.
  private func isFull(_ origin: Origin, _ state: borrowing State) -> Bool {
    state.hosts[origin].map { $0.connectionCount >= limits.connectionsPerHostMax } ?? false
  }

  private func occupy(_ member: Member, _ state: inout State) {
    if member.exchangeCount == 0 { state.idleCount -= 1 }
    member.exchangeCount += 1
    guard !member.hasRoom else { return }
    let open = state.hosts[member.connection.origin]?.open
    guard let index = open?.lastIndex(where: { $0 === member }) else { return }
    state.hosts[member.connection.origin]?.open.remove(at: index)
  }

  /// To be closed by the caller.
  private func takeOldestIdle(_ state: inout State) -> (any UpstreamConnection)? {
    var oldest: Member?
    for host in state.hosts.values {
      for member in host.open where member.exchangeCount == 0 {
        if oldest.map({ member.idleSince < $0.idleSince }) ?? true { oldest = member }
      }
    }
    guard let oldest else { return nil }
    state.idleCount -= 1
    // Counted as busy until it has closed: nobody may take it, and it isn't counted twice.
    oldest.exchangeCount = oldest.exchangesMax
    state.hosts[oldest.connection.origin]?.open.removeAll { $0 === oldest }
    return oldest.connection
  }
}
