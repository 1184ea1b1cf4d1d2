import Glibc
package import NIOCore
import Synchronization
import Threads

/// Finds the addresses behind a name.
package protocol AddressResolver: Sendable {
  /// All addresses of `host`, the preferred first; never empty. Whoever lost a connection or can't
  /// make one asks again.
  func addresses(of host: String, port: Int) async throws -> [SocketAddress]
}

/// Why a name gave no addresses.
package struct ResolutionError: Error, Hashable, CustomStringConvertible {
  package enum Kind: Sendable, Hashable {
    /// The name is unknown, has no addresses, or whoever must know doesn't say.
    case notFound
    /// No answer in time; there may be one later.
    case timedOut
    /// Too many look-ups are under way.
    case busy
  }

  package let host: String
  package let kind: Kind
  package let reason: String

  package var description: String { "can't resolve \(host): \(reason)" }
}

// MARK: The system's resolver

/// Asks the system (`getaddrinfo`): hosts file, DNS, whatever it is configured for.
///
/// The call blocks and can't be stopped, for half a minute and longer when a name server is silent.
/// So each look-up has a thread of its own, all who ask for a name at one time share one, and
/// callers wait no longer than the deadline. Of names below one domain, and for one asker, only a
/// share may be under way: silent servers of a stranger's domains must not keep others from being
/// found.
package final class SystemResolver: AddressResolver {
  package struct Limits: Sendable, Hashable {
    /// How long a caller waits.
    package var timeout: Duration = .seconds(10)
    /// How long an answer is used again.
    package var memoryDuration: Duration = .zero
    package var rememberedHostsMax = 512
    /// Look-ups under way, each with a thread; more are refused.
    package var lookupsMax = 64
    /// Look-ups under way below one domain, which is taken to be a name's last two labels.
    package var lookupsPerDomainMax = 8
    /// Look-ups under way that one asker began.
    package var lookupsPerAskerMax = 4

    package init() {}
  }

  package static let shared = SystemResolver()

  private typealias Waiter = CheckedContinuation<[SocketAddress], any Error>

  private struct Lookup {
    let domain: Substring
    let asker: String?
    var waiters: [UInt64: Waiter] = [:]
  }

  private struct Answer {
    let addresses: [SocketAddress]
    let end: ContinuousClock.Instant
  }

  private struct State {
    var lookups: [String: Lookup] = [:]
    var answers: [String: Answer] = [:]
    var nextWaiter: UInt64 = 0
  }

  private enum Joining {
    case waits, begins, cancelled, busy
  }

  private let limits: Limits
  private let lookUp: @Sendable (String) throws -> [SocketAddress]
  private let state = Mutex(State())

  /// - Parameter lookUp: finds the addresses of a name, with any port; may block.
  package init(
    _ limits: Limits = Limits(),
    lookUp: @escaping @Sendable (String) throws -> [SocketAddress] = SystemResolver.lookUp
  ) {
    self.limits = limits
    self.lookUp = lookUp
  }

  /// Throws `ResolutionError`, or `CancellationError` when cancelled.
  package func addresses(of host: String, port: Int) async throws -> [SocketAddress] {
    try await addresses(of: host, port: port, for: nil)
  }

  /// The same for somebody, say a user, who may have a share of the look-ups.
  package func addresses(
    of host: String, port: Int, for asker: String?
  ) async throws -> [SocketAddress] {
    let now = ContinuousClock.now
    let known = state.withLock { $0.answers[host].flatMap { $0.end > now ? $0.addresses : nil } }
    let found = if let known { known } else { try await answer(for: host, asker) }
    return found.map { address in
      var address = address
      address.port = port
      return address
    }
  }

  // MARK: Waiting

  private func answer(for host: String, _ asker: String?) async throws -> [SocketAddress] {
    try await withThrowingTaskGroup(of: [SocketAddress].self) { group in
      group.addTask { try await self.join(host, asker) }
      group.addTask { [limits] in
        try await Task.sleep(for: limits.timeout)
        throw ResolutionError(host: host, kind: .timedOut, reason: "no answer in time")
      }
      defer { group.cancelAll() }
      return try await group.next() ?? []
    }
  }

  /// Waits for the look-up of `host`, which it begins if none is under way.
  private func join(_ host: String, _ asker: String?) async throws -> [SocketAddress] {
    let id = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { waiter in
        switch state.withLock({ add(waiter, id, host, asker, to: &$0) }) {
        case .waits: break
        case .begins: begin(host)
        case .cancelled: waiter.resume(throwing: CancellationError())
        case .busy: waiter.resume(throwing: Self.busy(host))
        }
      }
    } onCancel: {
      let waiter = state.withLock { $0.lookups[host]?.waiters.removeValue(forKey: id) }
      waiter?.resume(throwing: CancellationError())
    }
  }

  private func add(
    _ waiter: Waiter, _ id: UInt64, _ host: String, _ asker: String?, to state: inout State
  ) -> Joining {
    // Asked under the lock: a later cancellation finds the waiter.
    if Task.isCancelled { return .cancelled }
    if state.lookups[host] != nil {
      state.lookups[host]?.waiters[id] = waiter
      return .waits
    }
    let domain = Self.domain(of: host)
    guard state.lookups.count < limits.lookupsMax,
      state.lookups.values.count(where: { $0.domain == domain }) < limits.lookupsPerDomainMax,
      asker == nil
        || state.lookups.values.count(where: { $0.asker == asker }) < limits.lookupsPerAskerMax
    else { return .busy }
    state.lookups[host] = Lookup(domain: domain, asker: asker, waiters: [id: waiter])
    return .begins
  }

  private func begin(_ host: String) {
    let isStarted = OwnThread.start { [self] in
      end(host, Result { try lookUp(host) })
    }
    if !isStarted { end(host, .failure(Self.busy(host))) }
  }

  private func end(_ host: String, _ result: Result<[SocketAddress], any Error>) {
    let waiters = state.withLock { state in
      if case .success(let found) = result { remember(found, of: host, in: &state) }
      return state.lookups.removeValue(forKey: host)?.waiters ?? [:]
    }
    for waiter in waiters.values { waiter.resume(with: result) }
  }

  private func remember(_ found: [SocketAddress], of host: String, in state: inout State) {
    guard limits.memoryDuration > .zero else { return }
    let now = ContinuousClock.now
    if state.answers.count >= limits.rememberedHostsMax {
      state.answers = state.answers.filter { $0.value.end > now }
      if state.answers.count >= limits.rememberedHostsMax { state.answers.removeAll() }
    }
    state.answers[host] = Answer(addresses: found, end: now.advanced(by: limits.memoryDuration))
  }

  private static func busy(_ host: String) -> ResolutionError {
    ResolutionError(host: host, kind: .busy, reason: "too many look-ups are under way")
  }

  private static func domain(of host: String) -> Substring {
    let dot = UInt8(ascii: ".")
    let name = host.utf8.last == dot ? host.utf8.dropLast() : host.utf8[...]
    guard let last = name.lastIndex(of: dot), let next = name[..<last].lastIndex(of: dot) else {
      return Substring(name)
    }
    return Substring(name[name.index(after: next)...])
  }
}

// MARK: getaddrinfo

extension SystemResolver {
  /// Blocks for as long as /etc/resolv.conf allows.
  @Sendable package static func lookUp(_ host: String) throws -> [SocketAddress] {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
    var first: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, nil, &hints, &first)
    guard code == 0 else {
      throw ResolutionError(
        host: host, kind: .notFound, reason: String(cString: gai_strerror(code)))
    }
    defer { freeaddrinfo(first) }
    var found: [SocketAddress] = []
    var next = first
    while let entry = next {
      if let address = address(entry.pointee), !found.contains(address) { found.append(address) }
      next = entry.pointee.ai_next
    }
    guard !found.isEmpty else {
      throw ResolutionError(host: host, kind: .notFound, reason: "no addresses")
    }
    return found
  }

  private static func address(_ entry: addrinfo) -> SocketAddress? {
    guard let start = UnsafeRawPointer(entry.ai_addr) else { return nil }
    switch entry.ai_family {
    case AF_INET where entry.ai_addrlen >= MemoryLayout<sockaddr_in>.size:
      return SocketAddress(start.loadUnaligned(as: sockaddr_in.self))
    case AF_INET6 where entry.ai_addrlen >= MemoryLayout<sockaddr_in6>.size:
      return SocketAddress(start.loadUnaligned(as: sockaddr_in6.self))
    default: return nil
    }
  }
}
