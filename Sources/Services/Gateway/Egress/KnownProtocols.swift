import Providers

extension UpstreamPool {
  /// Whom a connection leads to, and how.
  struct Origin: Hashable, Sendable {
    let scheme: EndpointURL.Scheme
    let host: EndpointHost
    let port: Int
    /// Else HTTP/1.1 is all that is offered.
    let offersHTTP2: Bool

    init(_ url: EndpointURL, offersHTTP2: Bool) {
      (scheme, host, port) = (url.scheme, url.host, url.port)
      self.offersHTTP2 = offersHTTP2 && url.scheme == .https
    }
  }
}

/// What providers that were offered HTTP/2 have made of it.
struct KnownProtocols {
  /// With more of them, all are learnt anew.
  private static let originsMax = 4_096

  enum Known {
    case http1
    /// By HTTP/2, with at most so many exchanges a connection.
    case http2(exchangesMax: Int)
    /// It asks for HTTP/1.1 although it speaks HTTP/2.
    case avoidsHTTP2
  }

  private var origins: [UpstreamPool.Origin: Known] = [:]

  /// Whether nobody knows yet, so that the first connection is awaited.
  func isOpen(_ origin: UpstreamPool.Origin) -> Bool {
    origin.offersHTTP2 && origins[origin] == nil
  }

  func avoidsHTTP2(_ origin: UpstreamPool.Origin) -> Bool {
    if case .avoidsHTTP2? = origins[origin] { true } else { false }
  }

  mutating func learn(_ known: Known, of origin: UpstreamPool.Origin) {
    guard origin.offersHTTP2, !avoidsHTTP2(origin) else { return }
    if origins[origin] == nil, origins.count >= Self.originsMax { origins.removeAll() }
    origins[origin] = known
  }

  /// How many of those who wait a connection will serve that is being made. As long as nobody
  /// knows, a provider is taken for one that speaks HTTP/2: at worst the others begin to connect
  /// a handshake later, once.
  func exchangesExpected(of origin: UpstreamPool.Origin) -> Int {
    guard origin.offersHTTP2 else { return HTTP1Connection.exchangesMax }
    switch origins[origin] {
    case .http1, .avoidsHTTP2: return HTTP1Connection.exchangesMax
    case .http2(let exchangesMax): return max(1, exchangesMax)
    case nil: return HTTP2Connection.exchangesMax
    }
  }
}
