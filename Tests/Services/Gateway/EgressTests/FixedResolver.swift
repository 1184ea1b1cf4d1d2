import Addresses
import Egress

/// Answers from a table.
struct FixedResolver: HostResolver {
  let hosts: [String: [String]]

  init(_ hosts: [String: [String]] = [:]) {
    self.hosts = hosts
  }

  func addresses(
    of host: String, for user: String
  ) async throws(EndpointRefusal) -> [IPAddress] {
    let addresses = (hosts[host] ?? []).compactMap { IPAddress($0) }
    guard !addresses.isEmpty else { throw .unresolvable }
    return addresses
  }
}
