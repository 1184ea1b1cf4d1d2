import Addresses
import AsyncHTTPClient
import NIOCore
import NIOSSL
import Providers
import Synchronization

/// HTTP clients by the address that their connections are pinned to, a bounded number of them.
///
/// async-http-client takes an address for a name only as a setting of the whole client, so each
/// pair of name and address has a client of its own; Host and SNI keep the name.
final class UpstreamClients: Sendable {
  /// Kept when nobody uses them; the one unused for longest goes first.
  static let idleClientsMax = 64
  /// With requests under way; more are refused.
  static let clientsMax = 512

  /// One use of a client, which ends with the last reference to it: an answer that nobody gets to
  /// read gives its client back too.
  final class Lease: Sendable {
    let client: HTTPClient
    private let key: Key
    private let clients: UpstreamClients

    fileprivate init(client: HTTPClient, key: Key, clients: UpstreamClients) {
      self.client = client
      self.key = key
      self.clients = clients
    }

    deinit {
      clients.release(key)
    }
  }

  fileprivate struct Key: Hashable {
    let host: String
    let address: IPAddress
  }

  private struct Entry {
    let client: HTTPClient
    var leases = 0
    var lastUse: UInt64
  }

  private struct State {
    var entries: [Key: Entry] = [:]
    var clock: UInt64 = 0
    var isClosed = false
  }

  private let state = Mutex(State())
  private let eventLoopGroup: any EventLoopGroup
  private let limits: UpstreamLimits
  private let trustRoots: NIOSSLTrustRoots

  init(
    eventLoopGroup: any EventLoopGroup, limits: UpstreamLimits,
    trustRoots: NIOSSLTrustRoots = .default
  ) {
    self.eventLoopGroup = eventLoopGroup
    self.limits = limits
    self.trustRoots = trustRoots
  }

  /// A client whose connections for the endpoint's host go to the checked address; nil when too
  /// many hosts are in use or the gateway is stopping.
  func lease(_ endpoint: CheckedEndpoint) -> Lease? {
    let key = Key(host: Self.hostText(of: endpoint), address: endpoint.address)
    let (client, evicted) = state.withLock { state -> (HTTPClient?, [HTTPClient]) in
      guard !state.isClosed else { return (nil, []) }
      state.clock += 1
      if state.entries[key] == nil {
        guard state.entries.count < Self.clientsMax else { return (nil, []) }
        state.entries[key] = Entry(client: makeClient(key), lastUse: state.clock)
      }
      state.entries[key]?.leases += 1
      state.entries[key]?.lastUse = state.clock
      return (state.entries[key]?.client, Self.evict(&state))
    }
    for client in evicted { client.shutdown { _ in } }
    return client.map { Lease(client: $0, key: key, clients: self) }
  }

  private func release(_ key: Key) {
    let evicted = state.withLock { state in
      state.entries[key]?.leases -= 1
      return Self.evict(&state)
    }
    for client in evicted { client.shutdown { _ in } }
  }

  /// Closes every connection; requests under way fail.
  func close() async {
    let clients = state.withLock { state in
      defer { state.entries = [:] }
      state.isClosed = true
      return state.entries.values.map(\.client)
    }
    for client in clients { try? await client.shutdown().get() }
  }

  private static func evict(_ state: inout State) -> [HTTPClient] {
    var evicted: [HTTPClient] = []
    while state.entries.count > idleClientsMax {
      let idle = state.entries.filter { $0.value.leases == 0 }
      guard let oldest = idle.min(by: { $0.value.lastUse < $1.value.lastUse }) else { break }
      state.entries[oldest.key] = nil
      evicted.append(oldest.value.client)
    }
    return evicted
  }

  /// Without the brackets of an IPv6 address.
  private static func hostText(of endpoint: CheckedEndpoint) -> String {
    switch endpoint.url.host {
    case .name(let name): name
    case .address: endpoint.address.description
    }
  }

  private func makeClient(_ key: Key) -> HTTPClient {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.trustRoots = trustRoots
    tls.minimumTLSVersion = .tlsv12
    var configuration = HTTPClient.Configuration(
      tlsConfiguration: tls, redirectConfiguration: .disallow,
      timeout: .init(
        connect: TimeAmount(limits.connectTimeout), read: TimeAmount(limits.idleTimeout)),
      decompression: .disabled)
    // HTTP/2 has its status as free text, and both libraries below us trap on what isn't a number.
    configuration.httpVersion = .http1Only
    configuration.http1_1ConnectionDebugInitializer = UpstreamStatusCheck.install
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.connectionPool.idleTimeout = TimeAmount(limits.connectionIdleTimeout)
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit =
      limits.connectionsPerHostMax
    configuration.dnsOverride = [key.host: key.address.description]
    return HTTPClient(
      eventLoopGroupProvider: .shared(eventLoopGroup), configuration: configuration)
  }
}
