package import Addresses
package import Providers
import Synchronization

/// Keeps a user's endpoint from reaching into the operator's network (server-side request forgery).
///
/// A name is resolved once, every address is checked, and the connection goes to one of the
/// addresses that were checked: a second look-up could give another answer.
package struct EndpointGuard: Sendable {
  private static let localSuffixes = [".localhost", ".local", ".internal", ".home.arpa", ".lan"]

  let allowList: EndpointAllowList
  let resolver: any HostResolver
  let proxy: OutboundProxy?
  private let known = KnownEndpoints()

  /// - Parameter proxy: the operator's way out; names behind it are looked up there.
  package init(
    allowList: EndpointAllowList, resolver: any HostResolver, proxy: OutboundProxy? = nil
  ) {
    self.allowList = allowList
    self.resolver = resolver
    self.proxy = proxy
  }

  /// What can be said of a base URL without asking DNS: when it is stored.
  @discardableResult
  package func checkLiterally(_ text: String) throws(EndpointRefusal) -> EndpointURL {
    if let endpoint = known[text] { return endpoint }
    let endpoint = try checkUnknown(text)
    known[text] = endpoint
    return endpoint
  }

  private func checkUnknown(_ text: String) throws(EndpointRefusal) -> EndpointURL {
    let endpoint: EndpointURL
    do {
      endpoint = try EndpointURL(text)
    } catch {
      throw .malformed("\(error)")
    }
    guard !allowList.contains(endpoint) else { return endpoint }
    guard endpoint.scheme == .https else { throw .needsHTTPS }
    switch endpoint.host {
    case .name(let name):
      let isLocal =
        !name.utf8.contains(UInt8(ascii: "."))
        || Self.localSuffixes.contains { suffix in
          name.utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
        }
      if isLocal { throw .localName }
    case .address(let address):
      if let kind = AddressPolicy.refusal(of: address) { throw .address(kind) }
    }
    return endpoint
  }

  /// Everything, for the connection that is about to be made for `user`.
  package func check(
    _ text: String, for user: String
  ) async throws(EndpointRefusal) -> CheckedEndpoint {
    let endpoint = try checkLiterally(text)
    let addresses: [IPAddress]
    switch endpoint.host {
    case .address(let address): addresses = [address]
    case .name(let name):
      // Only the proxy knows, and only its rules keep it out of networks.
      if proxy?.applies(to: endpoint) == true, !allowList.contains(endpoint) {
        return CheckedEndpoint(url: endpoint, addresses: [])
      }
      addresses = try await resolver.addresses(of: name, for: user)
    }
    if !allowList.contains(endpoint) {
      // One bad address among good ones is a rebinding trick or a mistake: refused either way.
      for address in addresses {
        if let kind = AddressPolicy.refusal(of: address) { throw .address(kind) }
      }
    }
    guard !addresses.isEmpty else { throw .unresolvable }
    return CheckedEndpoint(url: endpoint, addresses: addresses)
  }
}

/// Base URLs that passed the literal check, which always says the same of a text: taking one apart
/// cost each request 2% of its time.
private final class KnownEndpoints: Sendable {
  /// With more of them, all are checked anew.
  private static let endpointsMax = 1_024

  private let endpoints = Mutex<[String: EndpointURL]>([:])

  subscript(text: String) -> EndpointURL? {
    get { endpoints.withLock { $0[text] } }
    set {
      endpoints.withLock { endpoints in
        if endpoints.count >= Self.endpointsMax { endpoints.removeAll() }
        endpoints[text] = newValue
      }
    }
  }
}

/// An endpoint that may be connected to, with the addresses that the connection may go to. Only an
/// `EndpointGuard` makes one, and `Upstream` takes nothing else.
package struct CheckedEndpoint: Sendable, Hashable {
  package let url: EndpointURL
  /// In the resolver's order; empty where the operator's proxy looks the name up.
  package let addresses: [IPAddress]

  fileprivate init(url: EndpointURL, addresses: [IPAddress]) {
    self.url = url
    self.addresses = addresses
  }

  /// Whether a connection to `address`, nil for one through the proxy, may be used.
  func leads(to address: IPAddress?) -> Bool {
    address.map(addresses.contains) ?? addresses.isEmpty
  }
}

/// Why the gateway does not connect to an endpoint; the text may be shown to the user who chose it.
package enum EndpointRefusal: Error, Hashable, CustomStringConvertible {
  case malformed(String)
  case needsHTTPS
  /// A name that can only mean a machine in this network.
  case localName
  case address(String)
  case unresolvable
  /// Too many look-ups are under way, of this user or at all.
  case resolverBusy
  /// Nobody who must know says anything.
  case resolverSilent

  package var description: String {
    switch self {
    case .malformed(let reason): reason
    case .needsHTTPS: "must begin with https://, unless the operator allows this host and port"
    case .localName:
      "names a host of the operator's own network, which the operator has not allowed"
    case .address(let kind): "leads to \(kind), which the operator has not allowed"
    case .unresolvable: "names a host that could not be found"
    case .resolverBusy: "could not be looked up right now: too many look-ups are under way"
    case .resolverSilent: "names a host whose name servers did not answer in time"
    }
  }
}

/// The endpoints in private networks that the operator lets users have
/// (CHATELAINE_ENDPOINT_ALLOWLIST): `host:port`, each spelled as in a URL.
package struct EndpointAllowList: Sendable, Hashable {
  private struct Entry: Sendable, Hashable {
    let host: EndpointHost
    let port: Int
  }

  private var entries: Set<Entry> = []

  package init() {}

  /// Adds `host:port`; false when the text is not that.
  package mutating func insert(_ text: String) -> Bool {
    // Both halves go through the one parser that endpoints go through, so that spellings agree.
    guard let last = text.utf8.last, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(last),
      !text.utf8.contains(UInt8(ascii: "/")),
      text.utf8.contains(UInt8(ascii: ":")),
      let endpoint = try? EndpointURL("http://\(text)"), Self.namesPort(text)
    else { return false }
    entries.insert(Entry(host: endpoint.host, port: endpoint.port))
    return true
  }

  package func contains(_ endpoint: EndpointURL) -> Bool {
    entries.contains(Entry(host: endpoint.host, port: endpoint.port))
  }

  /// `[::1]` ends in a bracket and `::1` has no port: neither is an entry.
  private static func namesPort(_ text: String) -> Bool {
    guard text.utf8.first == UInt8(ascii: "[") else {
      return text.utf8.count { $0 == UInt8(ascii: ":") } == 1
    }
    guard let bracket = text.utf8.firstIndex(of: UInt8(ascii: "]")) else { return false }
    return text[bracket...].utf8.starts(with: "]:".utf8)
  }
}
