import Logging
import NIOCore
import Networking
import Pacing
import RPC
import Synchronization

/// The current addresses of a client's target, found once for the balancers of all its loops.
final class AddressDirectory: Sendable {
  /// What is known at one moment.
  struct Snapshot {
    /// Without duplicates; empty before the first answer.
    let addresses: [SocketAddress]
    /// Why there is nothing, while it is too early to ask again.
    let failure: String?
  }

  private struct State {
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
  /// The host is an address itself.
  private let isLiteral: Bool
  private let state = Mutex(State())

  init(_ configuration: RPCClientConfiguration, on eventLoop: any EventLoop, logger: Logger) {
    self.configuration = configuration
    self.eventLoop = eventLoop
    self.logger = logger
    let literal = try? SocketAddress(ipAddress: configuration.host, port: configuration.port)
    isLiteral = literal != nil
    if let literal { state.withLock { $0.addresses = [literal] } }
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
    guard !isLiteral else { return }
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
      do {
        let found = try await configuration.resolver.addresses(
          of: configuration.host, port: configuration.port)
        if found.isEmpty {
          failed("can't resolve \(configuration.host): no addresses")
        } else {
          resolved(found)
        }
      } catch {
        failed("\(error)")
      }
    }
  }

  private func resolved(_ found: [SocketAddress]) {
    let balancers = state.withLock { state in
      state.addresses = Self.bounded(
        found, to: configuration.addressCountMax, keeping: state.addresses)
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
      let backoff = configuration.backoff.wait(afterFailures: state.failureCount)
      let wait =
        state.addresses.isEmpty ? backoff : max(backoff, configuration.resolutionIntervalMin)
      state.nextAllowed = .now() + wait.timeAmount
      return state.balancers
    }
    for balancer in balancers { balancer.directoryChanged() }
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
