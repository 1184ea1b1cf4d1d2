import Addresses
internal import Glibc
import NIOPosix
import Synchronization

/// Turns host names into addresses.
protocol HostResolver: Sendable {
  /// Every address of `host`, in the order in which they should be tried; never empty.
  func addresses(of host: String) async throws(EndpointRefusal) -> [IPAddress]
}

/// The system's resolver, on threads of its own because `getaddrinfo` blocks, with a short memory.
final class SystemHostResolver: HostResolver {
  /// How long an answer is used again. Short, so that an endpoint can move.
  static let memoryDuration: Duration = .seconds(30)
  static let rememberedHostsMax = 512
  /// Look-ups waiting or under way; more are refused.
  static let lookupsInFlightMax = 64
  static let threadCount = 4

  private struct Answer {
    let addresses: [IPAddress]
    let end: ContinuousClock.Instant
  }

  private struct State {
    var answers: [String: Answer] = [:]
    var lookupsInFlight = 0
  }

  private let state = Mutex(State())
  private let threads: NIOThreadPool

  init() {
    threads = NIOThreadPool(numberOfThreads: Self.threadCount)
    threads.start()
  }

  func addresses(of host: String) async throws(EndpointRefusal) -> [IPAddress] {
    let now = ContinuousClock.now
    let (known, mayAsk) = state.withLock { state -> ([IPAddress]?, Bool) in
      if let answer = state.answers[host], answer.end > now { return (answer.addresses, false) }
      guard state.lookupsInFlight < Self.lookupsInFlightMax else { return (nil, false) }
      state.lookupsInFlight += 1
      return (nil, true)
    }
    if let known { return known }
    guard mayAsk else { throw .resolverBusy }
    defer { state.withLock { $0.lookupsInFlight -= 1 } }

    guard let found = try? await threads.runIfActive({ Self.lookUp(host) }), !found.isEmpty else {
      throw .unresolvable
    }
    state.withLock { state in
      if state.answers.count >= Self.rememberedHostsMax {
        state.answers = state.answers.filter { $0.value.end > now }
        if state.answers.count >= Self.rememberedHostsMax { state.answers.removeAll() }
      }
      state.answers[host] = Answer(addresses: found, end: now.advanced(by: Self.memoryDuration))
    }
    return found
  }

  /// Blocks for as long as /etc/resolv.conf allows.
  private static func lookUp(_ host: String) -> [IPAddress] {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_ADDRCONFIG
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
    defer { freeaddrinfo(list) }
    var addresses: [IPAddress] = []
    var next = list
    while let entry = next {
      if let address = address(of: entry.pointee), !addresses.contains(address) {
        addresses.append(address)
      }
      next = entry.pointee.ai_next
    }
    return addresses
  }

  private static func address(of entry: addrinfo) -> IPAddress? {
    guard let address = entry.ai_addr else { return nil }
    switch entry.ai_family {
    case AF_INET:
      return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { pointer in
        withUnsafeBytes(of: pointer.pointee.sin_addr) { IPAddress(bytes: Array($0)) }
      }
    case AF_INET6:
      return address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { pointer in
        withUnsafeBytes(of: pointer.pointee.sin6_addr) { IPAddress(bytes: Array($0)) }
      }
    default: return nil
    }
  }
}
