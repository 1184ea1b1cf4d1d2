/// The base URL of an endpoint, in one canonical form (RFC 3986, narrowed).
///
/// Two URLs that reach the same place compare equal, since a sealed key is bound to `origin`. Which
/// schemes and addresses are *allowed* is for the gateway to decide.
package struct EndpointURL: Sendable, Hashable, CustomStringConvertible {
  package static let bytesMax = 2_048
  /// Path segments at least this long may be credentials, and are masked for display.
  package static let maskedSegmentCharactersMin = 20

  package enum Scheme: String, Sendable {
    case http, https

    package var defaultPort: Int { self == .https ? 443 : 80 }
  }

  package let scheme: Scheme
  package let host: EndpointHost
  /// 1...65535; the scheme's own where the URL has none.
  package let port: Int
  /// Empty, or begins with a slash and does not end with one. Percent-encoding stays as it was.
  package let path: String

  /// - Throws: `EndpointURLError`; nothing is guessed or repaired but letter case, a host's final
  ///   dot, an explicit default port and a final slash.
  package init(_ text: String) throws(EndpointURLError) {
    guard text.utf8.count <= Self.bytesMax else { throw .tooLong }
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "\\") }) else {
      throw .invalidCharacter
    }
    guard let colon = text.firstIndex(of: ":"),
      let scheme = Scheme(rawValue: text[..<colon].lowercased()),
      text[colon...].hasPrefix("://")
    else { throw .unsupportedScheme }
    let rest = text[text.index(colon, offsetBy: 3)...]
    guard !rest.contains(where: { $0 == "?" || $0 == "#" }) else { throw .queryOrFragment }
    let authorityEnd = rest.firstIndex(of: "/") ?? rest.endIndex
    let authority = rest[..<authorityEnd]
    guard !authority.contains("@") else { throw .userInformation }

    let (host, port) = try Self.split(authority)
    self.scheme = scheme
    self.host = try EndpointHost(host)
    self.port = try port.map(Self.parsePort) ?? scheme.defaultPort
    path = try Self.normalisedPath(rest[authorityEnd...])
  }

  /// `scheme://host:port`, lower case, port always there: what a sealed key is bound to.
  package var origin: String { "\(scheme.rawValue)://\(host):\(port)" }

  /// The canonical URL: default port left out, no final slash.
  package var description: String { baseOrigin + path }

  /// For display and logs: long path segments, which may be credentials, are masked.
  package var displayHint: String {
    let segments = path.split(separator: "/", omittingEmptySubsequences: false).map { segment in
      segment.count >= Self.maskedSegmentCharactersMin ? "…" : String(segment)
    }
    return baseOrigin + segments.joined(separator: "/")
  }

  /// The URL of a client's path below this base, with its query if any.
  ///
  /// People write base URLs both with and without the version that clients send (`…/v1`): when the
  /// base ends with the version segment with which `path` begins, it is not doubled.
  package func appending(path: String) -> String {
    let relative = path.drop { $0 == "/" }
    let end = relative.firstIndex { $0 == "/" || $0 == "?" } ?? relative.endIndex
    let first = relative[..<end]
    guard Self.isVersion(first), self.path.hasSuffix("/" + first) else {
      return description + "/" + relative
    }
    return description + relative[end...]
  }

  private var baseOrigin: String {
    port == scheme.defaultPort ? "\(scheme.rawValue)://\(host)" : origin
  }

  /// `v1`, `v1beta`, `v4`.
  private static func isVersion(_ segment: Substring) -> Bool {
    let digits = segment.utf8.dropFirst()
    return segment.utf8.first == UInt8(ascii: "v") && (0x30...0x39).contains(digits.first ?? 0)
  }
}

extension EndpointURL {
  private static func split(
    _ authority: Substring
  ) throws(EndpointURLError) -> (host: Substring, port: Substring?) {
    guard !authority.isEmpty else { throw .missingHost }
    let hostEnd: Substring.Index
    if authority.first == "[" {
      guard let bracket = authority.firstIndex(of: "]") else { throw .invalidHost }
      hostEnd = authority.index(after: bracket)
    } else {
      hostEnd = authority.firstIndex(of: ":") ?? authority.endIndex
    }
    let rest = authority[hostEnd...]
    guard rest.isEmpty || rest.first == ":" else { throw .invalidHost }
    return (authority[..<hostEnd], rest.isEmpty ? nil : rest.dropFirst())
  }

  private static func parsePort(_ text: Substring) throws(EndpointURLError) -> Int {
    guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), text.utf8.count <= 5,
      let port = Int(text), (1...65_535).contains(port)
    else { throw .invalidPort }
    return port
  }

  /// Refuses what two parsers might read differently: empty and dot segments, also encoded, and
  /// encoded separators or control characters.
  private static func normalisedPath(_ text: Substring) throws(EndpointURLError) -> String {
    let trimmed = text.hasSuffix("/") ? text.dropLast() : text
    guard !trimmed.isEmpty else { return "" }
    for segment in trimmed.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      let decoded = try decode(segment)
      guard !decoded.isEmpty, decoded != [0x2e], decoded != [0x2e, 0x2e] else {
        throw .invalidPath
      }
    }
    return String(trimmed)
  }

  private static func decode(_ segment: Substring) throws(EndpointURLError) -> [UInt8] {
    let allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@"
    let plain = Set(allowed.utf8)
    var decoded: [UInt8] = []
    var bytes = segment.utf8.makeIterator()
    while let byte = bytes.next() {
      if plain.contains(byte) {
        decoded.append(byte)
        continue
      }
      guard byte == UInt8(ascii: "%"), let high = bytes.next(), let low = bytes.next(),
        let value = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16),
        high != UInt8(ascii: "+"), high != UInt8(ascii: "-"),
        value > 0x1f, value != 0x7f, value != UInt8(ascii: "/"), value != UInt8(ascii: "\\")
      else { throw .invalidPath }
      decoded.append(value)
    }
    return decoded
  }
}

extension Provider {
  /// The endpoint that one of this provider's base URL variables means.
  ///
  /// A value without a scheme is completed by `bareHost`; the address 0.0.0.0, on which a server
  /// listens, then means this machine.
  package func endpoint(fromVariable value: String) throws(EndpointURLError) -> EndpointURL {
    guard let bareHost, !value.contains("://") else { return try EndpointURL(value) }
    var host = value.hasPrefix(":") ? "127.0.0.1" + value : value
    if host == "0.0.0.0" || host.hasPrefix("0.0.0.0:") { host = "127.0.0.1" + host.dropFirst(7) }
    let hasPort = host.last != "]" && host.contains(":")
    return try EndpointURL("\(bareHost.scheme)://\(host)" + (hasPort ? "" : ":\(bareHost.port)"))
  }
}
