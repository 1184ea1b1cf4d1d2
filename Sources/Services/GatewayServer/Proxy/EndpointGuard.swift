import Addresses
import Providers

/// Keeps a user's endpoint from reaching into the operator's network (server-side request forgery).
///
/// A name is resolved once, every address is checked, and the connection goes to the address that
/// was checked: a second look-up could give another answer.
struct EndpointGuard: Sendable {
  /// An endpoint with the address that its connection must go to.
  struct PinnedEndpoint: Sendable, Hashable {
    let endpoint: EndpointURL
    let address: IPAddress
  }

  private static let localSuffixes = [".localhost", ".local", ".internal", ".home.arpa", ".lan"]

  let allowList: EndpointAllowList
  let resolver: any HostResolver

  /// What can be said of a base URL without asking DNS: when it is stored.
  func checkLiterally(_ text: String) throws(EndpointRefusal) -> EndpointURL {
    let endpoint: EndpointURL
    do {
      endpoint = try EndpointURL(text)
    } catch {
      throw .malformed("\(error)")
    }
    try checkLiterally(endpoint)
    return endpoint
  }

  /// Everything, for the connection that is about to be made.
  func pin(_ endpoint: EndpointURL) async throws(EndpointRefusal) -> PinnedEndpoint {
    try checkLiterally(endpoint)
    let addresses: [IPAddress]
    switch endpoint.host {
    case .address(let address): addresses = [address]
    case .name(let name): addresses = try await resolver.addresses(of: name)
    }
    if !allowList.contains(endpoint) {
      // One bad address among good ones is a rebinding trick or a mistake: refused either way.
      for address in addresses {
        if let kind = AddressPolicy.refusal(of: address) { throw .address(kind) }
      }
    }
    guard let address = addresses.first else { throw .unresolvable }
    return PinnedEndpoint(endpoint: endpoint, address: address)
  }

  private func checkLiterally(_ endpoint: EndpointURL) throws(EndpointRefusal) {
    guard !allowList.contains(endpoint) else { return }
    guard endpoint.scheme == .https else { throw .needsHTTPS }
    switch endpoint.host {
    case .name(let name):
      let isLocal =
        !name.containsByte(".") || Self.localSuffixes.contains(where: name.endsWithBytes)
      if isLocal { throw .localName }
    case .address(let address):
      if let kind = AddressPolicy.refusal(of: address) { throw .address(kind) }
    }
  }
}
