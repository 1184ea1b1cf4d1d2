import Addresses
import Logging
import NIOCore
import Networking
import Pacing
import RPC
import Synchronization

/// The current addresses of a client's targets, found once for the balancers of all its loops, and
/// what one loop has learnt that the others should know.
final class AddressDirectory: Sendable {
  /// What is known at one moment.
  struct Snapshot {
    /// Without duplicates; empty before the first answer.
    let addresses: [SocketAddress]
    /// Why there is nothing, while it is too early to ask again.
    let failure: String?
  }

  private struct State {
    /// Of each target, what was found last.
    var found: [[SocketAddress]]
    var addresses: [SocketAddress] = []
    var isResolving = false
    /// A look-up waits for the end of the interval.
    var isScheduled = false
    var failureCount = 0
    var lastFailure = ""
    var nextAllowed = NIODeadline.uptimeNanoseconds(0)
    var balancers: [Balancer] = []
  }

  private enum Action {
    case nothing
    case resolve
    case schedule(NIODeadline)
  }

  private let configuration: RPCClientConfiguration
  private let logger: Logger
  private let eventLoop: any EventLoop
  /// The targets that are not addresses themselves, by their place.
  private let names: [(index: Int, target: NetworkAddress)]
  private let state: Mutex<State>

  init(_ configuration: RPCClientConfiguration, on eventLoop: any EventLoop, logger: Logger) {
    self.configuration = configuration
    self.eventLoop = eventLoop
    self.logger = logger
    let literals = configuration.targets.map {
      try? SocketAddress(ipAddress: $0.host, port: $0.port)
    }
    names = zip(configuration.targets, literals).enumerated()
      .compactMap { $0.element.1 == nil ? ($0.offset, $0.element.0) : nil }
    var initial = State(found: literals.map { $0.map { [$0] } ?? [] })
    // Names are waited for, so that no balancer begins with a part only.
    if names.isEmpty {
      initial.addresses = Self.bounded(
        initial.found.flatMap(\.self), to: configuration.addressCountMax, keeping: [])
    }
    state = Mutex(initial)
  }

  /// Tells `balancers` about every answer, until `close`.
  func serve(_ balancers: [Balancer]) {
    state.withLock { $0.balancers = balancers }
  }

  func close() {
    state.withLock { $0.balancers = [] }
  }

  var snapshot: Snapshot {
    state.withLock { state in
      let isTooEarly = !state.isResolving && state.nextAllowed > .now()
      return Snapshot(
        addresses: state.addresses,
        failure: state.failureCount > 0 && isTooEarly ? state.lastFailure : nil)
    }
  }

  /// Asks the resolver again, now or as soon as the interval allows.
  func refresh() {
    guard !names.isEmpty else { return }
    let action = state.withLock { state -> Action in
      guard !state.isResolving, !state.isScheduled, !state.balancers.isEmpty else {
        return .nothing
      }
      guard state.nextAllowed <= .now() else {
        state.isScheduled = true
        return .schedule(state.nextAllowed)
      }
      state.isResolving = true
      return .resolve
    }
    switch action {
    case .nothing: break
    case .resolve: resolve()
    case .schedule(let time):
      eventLoop.scheduleTask(deadline: time) { [weak self] in
        guard let self else { return }
        state.withLock { $0.isScheduled = false }
        refresh()
      }
    }
  }

  private func resolve() {
    // Unstructured: the answer is for the calls of all loops, not only for the one that asked.
    Task {
      let (found, failure) = await lookUpNames()
      if found.isEmpty { failed(failure) } else { resolved(found) }
    }
  }

  /// What the names have for addresses, asked all at once and within one time: a name server that
  /// is silent about one keeps nobody from the others. With it the last reason why one has none.
  private func lookUpNames() async -> (
    found: [(index: Int, addresses: [SocketAddress])], failure: String
  ) {
    enum Answer: Sendable {
      case found(index: Int, [SocketAddress])
      case failed(String)
      case timeIsUp
    }
    let (resolver, timeout) = (configuration.resolver, configuration.resolutionTimeout)
    return await withTaskGroup(of: Answer.self) { group in
      for (index, target) in names {
        group.addTask {
          do {
            let addresses = try await resolver.addresses(of: target.host, port: target.port)
            return addresses.isEmpty
              ? .failed("can't resolve \(target.host): no addresses")
              : .found(index: index, addresses)
          } catch {
            return .failed("\(error)")
          }
        }
      }
      group.addTask {
        try? await Task.sleep(for: timeout)
        return .timeIsUp
      }
      var found: [(index: Int, addresses: [SocketAddress])] = []
      var failure = "can't resolve \(configuration.host): no answer within \(timeout)"
      var answerCount = 0
      while answerCount < names.count, let answer = await group.next() {
        switch answer {
        case .found(let index, let addresses): found.append((index, addresses))
        case .failed(let reason): failure = reason
        case .timeIsUp:
          group.cancelAll()
          return (found, failure)
        }
        answerCount += 1
      }
      group.cancelAll()
      return (found, failure)
    }
  }

  private func resolved(_ found: [(index: Int, addresses: [SocketAddress])]) {
    let balancers = state.withLock { state in
      // A name that has no answer this time keeps the one before.
      for (index, addresses) in found where !addresses.isEmpty { state.found[index] = addresses }
      state.addresses = Self.bounded(
        state.found.flatMap(\.self), to: configuration.addressCountMax, keeping: state.addresses)
      state.isResolving = false
      state.failureCount = 0
      state.nextAllowed = .now() + configuration.resolutionIntervalMin.timeAmount
      return state.balancers
    }
    for balancer in balancers { balancer.directoryChanged() }
  }

  /// The old addresses stay.
  private func failed(_ reason: String) {
    logger.debug("resolution failed", metadata: ["reason": "\(reason)"])
    let balancers = state.withLock { state in
      state.isResolving = false
      state.failureCount += 1
      state.lastFailure = reason
      // Those that were given as addresses serve alone.
      if state.addresses.isEmpty { state.addresses = state.found.flatMap(\.self) }
      let backoff = configuration.backoff.wait(afterFailures: state.failureCount)
      let wait =
        state.addresses.isEmpty ? backoff : max(backoff, configuration.resolutionIntervalMin)
      state.nextAllowed = .now() + wait.timeAmount
      return state.balancers
    }
    for balancer in balancers { balancer.directoryChanged() }
  }

  /// A connection to `address` was made: loops that wait to try it again need not.
  func reached(_ address: SocketAddress, by reacher: Balancer) {
    let balancers = state.withLock { $0.balancers }
    for balancer in balancers where balancer !== reacher { balancer.addressIsReachable(address) }
  }

  /// At most `countMax` of `found`, each once: those in use stay, the rest is a random choice, so
  /// that the clients of a large service don't all choose the same ones.
  static func bounded(
    _ found: [SocketAddress], to countMax: Int, keeping current: [SocketAddress]
  ) -> [SocketAddress] {
    var seen = Set<SocketAddress>()
    let unique = found.filter { seen.insert($0).inserted }
    let countMax = max(1, countMax)
    guard unique.count > countMax else { return unique }
    let kept = current.filter(seen.contains).prefix(countMax)
    let others = unique.filter { !kept.contains($0) }.shuffled()
    return Array(kept) + others.prefix(countMax - kept.count)
  }
}
