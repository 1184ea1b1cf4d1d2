import HTTPTypes

/// Which other sites' pages may call the proxy and the JSON API (CORS, fetch.spec.whatwg.org).
///
/// Never with cookies: such a page has an access token, which it sends in a header.
package struct CrossOriginAccess: Sendable {
  package static let variable = "CORS_ALLOWED_ORIGINS"
  /// How long a browser remembers the answer to a preflight; none remembers it longer.
  static let preflightSecondsMax = 7_200
  static let requestedFieldsMax = 64
  private static let everyOrigin = "*"

  /// As browsers write them, or `*`.
  private var origins: [String] = []

  /// For nobody.
  package init() {}

  /// False for what is neither `*` nor an origin: `scheme://host[:port]`, without a path.
  package mutating func allow(_ entry: String) -> Bool {
    guard !entry.hasBytes(of: Self.everyOrigin) else {
      origins = [Self.everyOrigin]
      return true
    }
    guard let origin = Self.origin(entry) else { return false }
    if !allowsAll { origins.append(origin) }
    return true
  }

  private var allowsAll: Bool { origins.first?.hasBytes(of: Self.everyOrigin) ?? false }

  /// Lower case, without a port that goes without saying; nil for what no browser sends.
  private static func origin(_ entry: String) -> String? {
    let text = entry.lowercasedASCII()
    guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
    let scheme = text[..<colon]
    let rest = text[colon...]
    guard rest.beginsWithBytes(of: "://"), scheme.utf8.allSatisfy(isSchemeByte),
      scheme.utf8.first.map({ $0 >= UInt8(ascii: "a") }) == true
    else { return nil }
    let host = String(rest.utf8.dropFirst(3)) ?? ""
    // A host may have an asterisk, but whoever writes one here means a pattern.
    guard !host.isEmpty, !host.endsWithBytes(of: ":"), !host.containsByte("*"),
      RequestRules.isHost(host)
    else { return nil }
    let standardPorts = ["http": ":80", "https": ":443"]
    guard let port = standardPorts[String(scheme)], host.endsWithBytes(of: port) else {
      return text
    }
    return "\(scheme)://\(Substring(host.utf8.dropLast(port.utf8.count)))"
  }

  private static func isSchemeByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
      true
    default: false
    }
  }

  private func allows(_ origin: String) -> Bool {
    allowsAll || origins.contains { $0.hasBytes(of: origin.lowercasedASCII()) }
  }

  private static func concerns(_ surface: Surface) -> Bool {
    surface == .proxy || surface == .api
  }

  // MARK: Answers

  /// What a browser is told that asks whether a page may send a request; nil when none asks.
  ///
  /// - Parameter verbs: those that the address has; none where it is unknown.
  func preflight(
    _ method: HTTPRequest.Method, _ headers: HTTPFields, surface: Surface, verbs: [String]
  ) throws(Problem) -> Response? {
    guard method == .options, Self.concerns(surface), let origin = headers[.origin],
      headers[.accessControlRequestMethod] != nil
    else { return nil }
    guard !origins.isEmpty else {
      throw Problem(
        .forbidden,
        "pages of other sites may not call this portal: its operator can list their origins in "
          + Self.variable)
    }
    guard allows(origin) else {
      throw Problem(
        .forbidden,
        "the page's origin is not among those that the operator lists in "
          + Self.variable)
    }
    var fields: HTTPFields = [
      .accessControlAllowMethods: verbs.joined(separator: ", "),
      .accessControlMaxAge: "\(Self.preflightSecondsMax)",
    ]
    let requested = headers[values: .accessControlRequestHeaders]
      .flatMap { $0.split(atByte: ",") }.compactMap { HTTPField.Name($0.trimmingBlanks()) }
      .prefix(Self.requestedFieldsMax)
    if !requested.isEmpty {
      fields[.accessControlAllowHeaders] =
        requested.map(\.canonicalName).joined(separator: ", ")
    }
    return Response(status: .noContent, headers: fields)
  }

  /// Lets the page read an answer, where it may.
  func apply(to fields: inout HTTPFields, of request: HTTPFields, surface: Surface) {
    guard Self.concerns(surface), !origins.isEmpty else { return }
    // Caches must not hand one page's answer to another's.
    if !allowsAll { fields.append(HTTPField(name: .vary, value: "Origin")) }
    guard let origin = request[.origin], allows(origin) else { return }
    fields[.accessControlAllowOrigin] = allowsAll ? Self.everyOrigin : origin
    fields[.accessControlExposeHeaders] = "*"
    fields[.resourcePolicy] = "cross-origin"
  }
}
