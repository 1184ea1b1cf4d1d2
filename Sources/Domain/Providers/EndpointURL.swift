import Encodings

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
    // Bytes throughout: a combining mark would hide a separator from whoever looks at characters.
    let bytes = text.utf8
    guard bytes.allSatisfy({ $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "\\") }) else {
      throw .invalidCharacter
    }
    guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
      let scheme = Scheme(rawValue: text[..<colon].lowercased()),
      bytes[colon...].starts(with: "://".utf8)
    else { throw .unsupportedScheme }
    let rest = bytes[colon...].dropFirst(3)
    guard !rest.contains(where: "?#".utf8.contains) else { throw .queryOrFragment }
    let authority = rest.prefix { $0 != UInt8(ascii: "/") }
    guard !authority.contains(UInt8(ascii: "@")) else { throw .userInformation }

    let (host, port) = try Self.split(authority)
    self.scheme = scheme
    self.host = try EndpointHost(Substring(host))
    self.port = try port.map(Self.parsePort) ?? scheme.defaultPort
    path = try Self.normalisedPath(rest[authority.endIndex...])
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
  /// People write base URLs with and without what clients send in front (`/v1`, `/openai/v1`): the
  /// segments with which the base ends and the path begins are there once. `v1`, which SDKs put by
  /// habit, gives way to the version that the base ends with. Nothing else is changed.
  package func appending(path: String) -> String { baseOrigin + self.path(below: path) }

  /// The path of that URL, with its query if any.
  package func path(below path: String) -> String {
    let slash = UInt8(ascii: "/")
    let relative = path.utf8.first == slash ? path.utf8.dropFirst() : path.utf8[...]
    guard !self.path.isEmpty else { return "/" + Substring(relative) }
    let segments = relative.prefix { $0 != UInt8(ascii: "?") }
      .split(separator: slash, omittingEmptySubsequences: false)
    let own = self.path.utf8.split(separator: slash)
    var count = min(own.count, segments.count)
    while count > 0, !own.suffix(count).elementsEqual(segments.prefix(count), by: Self.areEqual) {
      count -= 1
    }
    if count == 0, segments[0].elementsEqual("v1".utf8), Self.haveVersion(own) { count = 1 }
    guard count > 0 else { return self.path + "/" + Substring(relative) }
    return self.path + path[segments[count - 1].endIndex...]
  }

  /// `host[:port]` as requests name it (RFC 9110, 7.2): without the scheme's own port.
  package var authority: String { port == scheme.defaultPort ? "\(host)" : "\(host):\(port)" }

  private var baseOrigin: String { "\(scheme.rawValue)://\(authority)" }

  private static func areEqual(_ one: Text, _ other: Text) -> Bool { one.elementsEqual(other) }

  /// Whether the segments of a base URL say already which version is meant: `…/paas/v4`, or
  /// Google's `/v1beta/openai`.
  private static func haveVersion(_ segments: [Text]) -> Bool {
    guard let last = segments.last, !isVersion(last) else { return !segments.isEmpty }
    return last.elementsEqual("openai".utf8) && segments.contains(where: isVersion)
  }

  /// `v1`, `v1beta`, `v4`.
  private static func isVersion(_ segment: Text) -> Bool {
    segment.first == UInt8(ascii: "v") && segment.dropFirst().first?.isASCIIDigit == true
  }
}

extension EndpointURL {
  private typealias Text = Substring.UTF8View

  private static func split(
    _ authority: Text
  ) throws(EndpointURLError) -> (host: Text, port: Text?) {
    guard !authority.isEmpty else { throw .missingHost }
    let colon = UInt8(ascii: ":")
    let hostEnd: Text.Index
    if authority.first == UInt8(ascii: "[") {
      guard let bracket = authority.firstIndex(of: UInt8(ascii: "]")) else { throw .invalidHost }
      hostEnd = authority.index(after: bracket)
    } else {
      hostEnd = authority.firstIndex(of: colon) ?? authority.endIndex
    }
    let rest = authority[hostEnd...]
    guard rest.isEmpty || rest.first == colon else { throw .invalidHost }
    return (authority[..<hostEnd], rest.isEmpty ? nil : rest.dropFirst())
  }

  private static func parsePort(_ text: Text) throws(EndpointURLError) -> Int {
    guard text.allSatisfy(\.isASCIIDigit), text.count <= 5, let port = Int(Substring(text)),
      (1...65_535).contains(port)
    else { throw .invalidPort }
    return port
  }

  /// Refuses what two parsers might read differently: empty and dot segments, also encoded, and
  /// encoded separators or control characters.
  private static func normalisedPath(_ text: Text) throws(EndpointURLError) -> String {
    let slash = UInt8(ascii: "/")
    let trimmed = text.last == slash ? text.dropLast() : text
    guard !trimmed.isEmpty else { return "" }
    for segment in trimmed.dropFirst().split(separator: slash, omittingEmptySubsequences: false) {
      let decoded = try decode(segment)
      guard !decoded.isEmpty, decoded != [0x2e], decoded != [0x2e, 0x2e] else {
        throw .invalidPath
      }
    }
    return String(Substring(trimmed))
  }

  private static func decode(_ segment: Text) throws(EndpointURLError) -> [UInt8] {
    var decoded: [UInt8] = []
    var bytes = segment.makeIterator()
    while let byte = bytes.next() {
      if byte.isASCIILetter || byte.isASCIIDigit || "-._~!$&'()*+,;=:@".utf8.contains(byte) {
        decoded.append(byte)
        continue
      }
      guard byte == UInt8(ascii: "%"), let high = bytes.next().flatMap(Hex.value),
        let low = bytes.next().flatMap(Hex.value)
      else { throw .invalidPath }
      let value = high << 4 | low
      guard !value.isASCIIControl, !"/\\".utf8.contains(value) else { throw .invalidPath }
      decoded.append(value)
    }
    return decoded
  }
}

/// Why a base URL is refused; the text may be shown to the user who sent it.
package enum EndpointURLError: Error, Equatable, CustomStringConvertible {
  case tooLong, invalidCharacter, unsupportedScheme, userInformation, queryOrFragment
  case missingHost, invalidHost, internationalHost, ambiguousAddress, invalidPort, invalidPath

  package var description: String {
    switch self {
    case .tooLong: "must have at most \(EndpointURL.bytesMax) bytes"
    case .invalidCharacter: "must not contain spaces, control characters or backslashes"
    case .unsupportedScheme: "must begin with https:// or http://"
    case .userInformation: "must not contain a user name or password"
    case .queryOrFragment: "must not contain a query or a fragment"
    case .missingHost: "must name a host"
    case .invalidHost: "names a malformed host"
    case .internationalHost: "must name the host in ASCII (xn--…)"
    case .ambiguousAddress: "must write an IPv4 address as four decimal numbers"
    case .invalidPort: "must have a port from 1 to 65535"
    case .invalidPath: "has a malformed path"
    }
  }
}
