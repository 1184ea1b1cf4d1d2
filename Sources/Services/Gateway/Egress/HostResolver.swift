package import Addresses
import NIOCore
import Networking

/// Turns host names into addresses.
package protocol HostResolver: Sendable {
  /// Every address of `host`, in the order in which they should be tried; never empty.
  func addresses(of host: String) async throws(EndpointRefusal) -> [IPAddress]
}

/// The system's resolver, with a short memory.
package struct SystemHostResolver: HostResolver {
  private let resolver: SystemResolver

  package init() {
    var limits = SystemResolver.Limits()
    limits.timeout = .seconds(5)
    // Short, so that an endpoint can move.
    limits.memoryDuration = .seconds(30)
    resolver = SystemResolver(limits)
  }

  package func addresses(of host: String) async throws(EndpointRefusal) -> [IPAddress] {
    let found: [IPAddress]
    do {
      found = try await resolver.addresses(of: host, port: 0)
        .compactMap { $0.ipAddress.flatMap { IPAddress($0) } }
    } catch let error as ResolutionError where error.kind != .notFound {
      throw .resolverBusy
    } catch {
      throw .unresolvable
    }
    guard !found.isEmpty else { throw .unresolvable }
    return found
  }
}
