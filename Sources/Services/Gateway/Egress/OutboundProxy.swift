import Addresses
import Encodings
import NIOHTTP1
import Providers

/// The proxy by which an operator's network reaches the outside (`HTTPS_PROXY`), and what is
/// reached without it (`NO_PROXY`).
///
/// For https endpoints only, through a tunnel (RFC 9110, 9.3.6): the proxy sees no key. It looks
/// names up and decides which addresses may be reached, as this machine can't.
package struct OutboundProxy: Sendable {
  /// What is reached without the proxy.
  private enum Exception: Sendable {
    case everything
    /// The name, and those below it.
    case domain(String)
    case addresses(AddressBlock)
  }

  let host: String
  let port: Int
  /// For the request that opens the tunnel; may hold a password.
  let headers: HTTPHeaders
  private let exceptions: [Exception]

  /// - Parameters:
  ///   - url: `http://[user:password@]host[:port]`; without a scheme, `http` is meant.
  ///   - exceptions: names, addresses and blocks with commas between them; `*` for everything.
  /// - Throws: `Malformed` without the text, which may hold a password.
  package init(_ url: String, exceptions: String = "") throws(Malformed) {
    let scheme = "http://"
    var rest = url.utf8[...]
    if rest.starts(with: scheme.utf8) { rest = rest.dropFirst(scheme.utf8.count) }
    if rest.last == UInt8(ascii: "/") { rest = rest.dropLast() }
    var headers = HTTPHeaders()
    if let at = rest.lastIndex(of: UInt8(ascii: "@")) {
      guard let credentials = PercentCoding.decode(Substring(rest[..<at])) else {
        throw Malformed()
      }
      let value = Base64.standard.encode(Array(credentials.utf8), isPadded: true)
      headers.add(name: "proxy-authorization", value: "Basic \(value)")
      rest = rest[rest.index(after: at)...]
    }
    guard let address = try? EndpointURL("http://\(Substring(rest))"), address.path.isEmpty else {
      throw Malformed()
    }
    switch address.host {
    case .name(let name): host = name
    case .address(let address): host = "\(address)"
    }
    port = address.port
    self.headers = headers
    self.exceptions = exceptions.utf8.split { ", \t".utf8.contains($0) }
      .map { Self.exception(Substring($0)) }
  }

  /// The text is no proxy's address.
  package struct Malformed: Error {}

  private static func exception(_ text: Substring) -> Exception {
    if text.utf8.elementsEqual("*".utf8) { return .everything }
    if let block = AddressBlock(String(text)) { return .addresses(block) }
    let name = text.lowercased()
    return .domain(name.utf8.first == UInt8(ascii: ".") ? String(name.dropFirst()) : name)
  }

  /// Whether the way to `endpoint` leads through the proxy.
  func applies(to endpoint: EndpointURL) -> Bool {
    guard endpoint.scheme == .https else { return false }
    return !exceptions.contains { exception in
      switch (exception, endpoint.host) {
      case (.everything, _): true
      case (.domain(let domain), .name(let name)):
        name.utf8.elementsEqual(domain.utf8)
          || name.utf8.suffix(domain.utf8.count + 1).elementsEqual(".\(domain)".utf8)
      case (.addresses(let block), .address(let address)): block.contains(address)
      case (.domain, .address), (.addresses, .name): false
      }
    }
  }
}
