/// The value of a variable that holds a base URL, as people and programs write it.
struct EndpointVariableValue {
  private let text: String
  private let bareHost: Provider.BareHost?

  init(_ text: String, bareHost: Provider.BareHost?) {
    self.text = Self.withoutOperation(text)
    self.bareHost = bareHost
  }

  /// The URL with its scheme, port and host completed; text that is no URL as it is.
  var completed: String {
    let bytes = text.utf8
    let separator = bytes.indices.first { bytes[$0...].starts(with: "://".utf8) }
    guard separator != nil || bareHost != nil else { return text }
    let scheme = separator.map { String(text[..<$0]) } ?? bareHost?.scheme ?? ""
    let rest = separator.map { bytes[$0...].dropFirst(3) } ?? bytes[...]
    let authority = rest.prefix { !"/?#".utf8.contains($0) }
    guard !authority.contains(UInt8(ascii: "@")) else { return text }
    var (host, port) = Self.split(authority)
    let isServerHost = bareHost != nil && host.isEmpty && port != nil
    if isServerHost || Self.wildcards.contains(host) { host = "127.0.0.1" }
    if separator == nil, port == nil { port = bareHost.map { "\($0.port)" } }
    return scheme + "://" + host + (port.map { ":" + $0 } ?? "")
      + String(Substring(rest[authority.endIndex...]))
  }

  /// Where a server listens on all addresses, its clients on the same machine reach it on one.
  private static let wildcards: Set<String> = ["0.0.0.0", "[::]", "[::0]", "*", "0"]

  /// Host and port; an IPv6 address is put in brackets where it stands without.
  private static func split(_ authority: Substring.UTF8View) -> (host: String, port: String?) {
    let colon = UInt8(ascii: ":")
    if authority.first != UInt8(ascii: "["), authority.count(where: { $0 == colon }) > 1 {
      return ("[" + String(Substring(authority)) + "]", nil)
    }
    let bracket = authority.lastIndex(of: UInt8(ascii: "]")) ?? authority.startIndex
    guard let end = authority[bracket...].lastIndex(of: colon) else {
      return (String(Substring(authority)), nil)
    }
    return (
      String(Substring(authority[..<end])),
      String(Substring(authority[authority.index(after: end)...]))
    )
  }

  /// What SDKs put behind a base URL themselves.
  private static let operations = [
    "/chat/completions", "/completions", "/responses", "/messages", "/embeddings",
  ]
  private static let deployments = "/openai/deployments/"

  /// The text up to the operation, whose query goes with it; else as it is.
  private static func withoutOperation(_ value: String) -> String {
    let bytes = value.utf8
    let path = bytes.prefix { $0 != UInt8(ascii: "?") }
    var rest = path
    while let slash = rest.firstIndex(of: UInt8(ascii: "/")) {
      rest = rest[slash...]
      if rest.starts(with: deployments.utf8)
        || operations.contains(where: { rest.elementsEqual($0.utf8) })
      {
        return String(Substring(path[..<slash]))
      }
      rest = rest.dropFirst()
    }
    return value
  }
}

extension Provider {
  /// The endpoint that one of this provider's base URL variables means.
  ///
  /// A value without a scheme is completed by `bareHost`. An address on which servers listen, such
  /// as 0.0.0.0, means this machine. Of the address of one operation, as Azure's portal shows it,
  /// the base is taken.
  package func endpoint(fromVariable value: String) throws(EndpointURLError) -> EndpointURL {
    try EndpointURL(EndpointVariableValue(value, bareHost: bareHost).completed)
  }
}
