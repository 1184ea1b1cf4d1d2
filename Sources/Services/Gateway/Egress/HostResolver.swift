package import Addresses
package import NIOCore
import Networking
package import Providers
import Synchronization

/// Turns host names into addresses.
package protocol HostResolver: Sendable {
  /// Every address of `host`, in the order in which they should be tried; never empty.
  ///
  /// - Parameter user: who asks; look-ups under way are shared among users.
  func addresses(of host: String, for user: String) async throws(EndpointRefusal) -> [IPAddress]
}

/// The system's resolver, with a short memory for answers and failures.
///
/// The catalogue's own hosts have look-ups of their own, which no user's names can take, and their
/// last addresses are used again while nobody can say whether there are others.
package final class SystemHostResolver: HostResolver {
  /// How long a caller waits.
  static let timeout = Duration.seconds(2)
  /// How long an answer is used again: short, so that an endpoint can move.
  static let memoryDuration = Duration.seconds(30)
  /// How long a name is not asked for again after it wasn't found.
  static let failureMemoryDuration = Duration.seconds(5)
  private static let rememberedFailuresMax = 512

  private struct Failure {
    let refusal: EndpointRefusal
    let end: ContinuousClock.Instant
  }

  private struct State {
    var failures: [String: Failure] = [:]
    /// The last addresses of the catalogue's hosts.
    var lastKnown: [String: [IPAddress]] = [:]
  }

  private let catalogueHosts: Set<String>
  private let catalogueResolver: SystemResolver
  private let resolver: SystemResolver
  private let state = Mutex(State())

  /// - Parameter lookUp: finds the addresses of a name, with any port; may block.
  package init(
    catalogue: ProviderCatalogue,
    lookUp: @escaping @Sendable (String) throws -> [SocketAddress] = SystemResolver.lookUp
  ) {
    catalogueHosts = Set(
      catalogue.providers.compactMap { provider in
        provider.defaultBaseURL.flatMap { try? EndpointURL($0) }.map { "\($0.host)" }
      })
    var limits = SystemResolver.Limits()
    limits.timeout = Self.timeout
    limits.memoryDuration = Self.memoryDuration
    resolver = SystemResolver(limits, lookUp: lookUp)
    catalogueResolver = SystemResolver(limits, lookUp: lookUp)
  }

  package func addresses(
    of host: String, for user: String
  ) async throws(EndpointRefusal) -> [IPAddress] {
    let isOfCatalogue = catalogueHosts.contains(host)
    let (failure, lastKnown) = state.withLock { ($0.failures[host], $0.lastKnown[host]) }
    if let failure, failure.end > .now {
      guard let lastKnown else { throw failure.refusal }
      return lastKnown
    }
    do {
      let found = try await lookUp(host, isOfCatalogue ? nil : user, isOfCatalogue)
      state.withLock { state in
        state.failures[host] = nil
        if isOfCatalogue { state.lastKnown[host] = found }
      }
      return found
    } catch {
      // Whoever was busy may have time for the next one.
      if error != .resolverBusy { remember(error, of: host) }
      guard let lastKnown else { throw error }
      return lastKnown
    }
  }

  private func lookUp(
    _ host: String, _ user: String?, _ isOfCatalogue: Bool
  ) async throws(EndpointRefusal) -> [IPAddress] {
    let found: [IPAddress]
    do {
      found = try await (isOfCatalogue ? catalogueResolver : resolver)
        .addresses(of: host, port: 0, for: user)
        .compactMap { $0.ipAddress.flatMap { IPAddress($0) } }
    } catch let error as ResolutionError {
      switch error.kind {
      case .notFound: throw .unresolvable
      case .timedOut: throw .resolverSilent
      case .busy: throw .resolverBusy
      }
    } catch {
      throw .resolverBusy
    }
    guard !found.isEmpty else { throw .unresolvable }
    return found
  }

  private func remember(_ refusal: EndpointRefusal, of host: String) {
    let now = ContinuousClock.now
    state.withLock { state in
      if state.failures.count >= Self.rememberedFailuresMax {
        state.failures = state.failures.filter { $0.value.end > now }
        if state.failures.count >= Self.rememberedFailuresMax { state.failures.removeAll() }
      }
      state.failures[host] = Failure(
        refusal: refusal, end: now.advanced(by: Self.failureMemoryDuration))
    }
  }
}
