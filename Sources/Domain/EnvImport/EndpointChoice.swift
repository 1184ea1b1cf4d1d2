import Addresses
import Cryptography
import Encodings
import Providers

/// Which of a file's addresses a key is for.
struct EndpointChoice {
  enum Place {
    /// The provider's own address; the note says what was passed over.
    case own(note: String?)
    /// An address of the variable at `item` of the file.
    case endpoint(EndpointURL, item: Int)
    case refused(reason: String)
  }

  private let key: FileVariables.Key
  private let decision: Decision

  private enum Decision {
    case own(note: String?)
    case variable(FileVariables.Endpoint)
    case refused(reason: String)
  }

  init(for key: FileVariables.Key, among variables: FileVariables) {
    self.key = key
    decision = Self.decide(key, variables)
  }

  /// Where the value at `index` of the key's variable goes: a list of addresses is in the order of
  /// the list of keys, one address is for all of them.
  func place(at index: Int) -> Place {
    switch decision {
    case .own(let note): return .own(note: note)
    case .refused(let reason): return .refused(reason: reason)
    case .variable(let endpoint):
      let index = endpoint.urls.count == 1 ? 0 : index
      guard index < endpoint.urls.count else {
        return .refused(reason: "line \(endpoint.line) has fewer endpoints than this has keys")
      }
      switch endpoint.urls[index] {
      case .failure: return .refused(reason: "its endpoint on line \(endpoint.line) is refused")
      case .success(let url):
        guard let url, !Self.isOwn(url, of: key.variable.provider) else { return .own(note: nil) }
        return .endpoint(url, item: endpoint.item)
      }
    }
  }

  private static func decide(
    _ key: FileVariables.Key, _ variables: FileVariables
  ) -> Decision {
    let provider = key.variable.provider
    let all = variables.endpoints.filter { $0.variable.provider.id == provider.id }
    let named = all.filter { $0.variable.role == .baseURL && !isListenOnly($0, all) }
    // An address with the word of another key of this provider belongs to that one.
    let otherStems = variables.keys.filter {
      $0.variable.provider.id == provider.id && $0.values.contains { $0.count > 0 }
    }.map(\.variable.stem)
    var fitting = named.filter { $0.variable.stem == key.variable.stem }
    if fitting.isEmpty { fitting = named.filter { !otherStems.contains($0.variable.stem) } }
    let alike = fitting.filter { ($0.urls.count > 1) == (key.values.count > 1) }
    if !alike.isEmpty { fitting = alike }

    if let first = fitting.first {
      if let other = fitting.dropFirst().first(where: { !areSame($0.urls, first.urls) }) {
        return .refused(
          reason: "lines \(first.line) and \(other.line) give different endpoints; keep one")
      }
      return .variable(first)
    }
    if let passed = named.first { return .own(note: "not for the endpoint of line \(passed.line)") }
    return decide(key, among: all.filter { $0.variable.role == .possibleBaseURL })
  }

  /// Nobody but the author knows what a `BASE_URL` is the address of: a key is not sent anywhere by
  /// a guess. What names this machine and no path is the program's own page.
  private static func decide(
    _ key: FileVariables.Key, among possible: [FileVariables.Endpoint]
  ) -> Decision {
    for endpoint in possible {
      guard case .success(let url?)? = endpoint.urls.first, !isOwn(url, of: key.variable.provider)
      else { continue }
      if endpoint.variable.isListed, isThisMachine(url), url.path.isEmpty { continue }
      let variable = key.variable.provider.baseURLVariables.prefix(1).joined()
      return .refused(
        reason: "\(endpoint.name) on line \(endpoint.line) may be its endpoint: "
          + "call it \(variable) if it is, else leave that line out")
    }
    return .own(note: nil)
  }

  /// Whether two variables say the same, with or without the `/v1` that SDKs want or add.
  static func areSame(
    _ one: [Result<EndpointURL?, EndpointProblem>], _ other: [Result<EndpointURL?, EndpointProblem>]
  ) -> Bool {
    one.count == other.count
      && zip(one, other).allSatisfy { one, other in
        guard case .success(let one) = one, case .success(let other) = other else { return false }
        return one?.origin == other?.origin && path(one) == path(other)
      }
  }

  private static func path(_ url: EndpointURL?) -> String? {
    guard let path = url?.path else { return nil }
    return path.hasSuffix("/v1") ? String(path.dropLast(3)) : path
  }

  static func isOwn(_ url: EndpointURL?, of provider: Provider) -> Bool {
    guard let url else { return true }
    guard let own = provider.defaultBaseURL.flatMap({ try? EndpointURL($0) }) else { return false }
    return own.origin == url.origin
  }

  /// The endpoint that says where the server is reached that listens on `endpoint`.
  static func reachable(
    insteadOf endpoint: FileVariables.Endpoint, among all: [FileVariables.Endpoint]
  ) -> FileVariables.Endpoint? {
    guard isHost(endpoint), endpoint.variable.provider.bareHost != nil,
      case .success(let url?)? = endpoint.urls.first, isThisMachine(url)
    else { return nil }
    return all.first { other in
      other.variable.provider.id == endpoint.variable.provider.id && other.item != endpoint.item
        && !isHost(other)
    }
  }

  /// Ollama's server reads the same variable as its clients.
  private static func isHost(_ endpoint: FileVariables.Endpoint) -> Bool {
    endpoint.name.utf8.reversed().starts(with: "_HOST".utf8.reversed())
  }

  private static func isListenOnly(
    _ endpoint: FileVariables.Endpoint, _ all: [FileVariables.Endpoint]
  ) -> Bool { reachable(insteadOf: endpoint, among: all) != nil }

  private static let ipv6Loopback = IPAddress("::1")

  private static func isThisMachine(_ url: EndpointURL) -> Bool {
    switch url.host {
    case .name(let name): name == "localhost"
    case .address(let address): address.isIPv4 ? address.bytes[0] == 127 : address == ipv6Loopback
    }
  }
}
