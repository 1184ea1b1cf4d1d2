import Cryptography
import DotEnv
import Providers

/// What an environment file means: which keys go where, and a verdict on each of its entries.
///
/// Made without asking any service, so that a rehearsal and the real thing plan alike.
struct ImportPlan: Sendable {
  /// One configuration to store.
  struct Candidate: Sendable {
    let provider: Provider
    let label: String
    /// Empty where the provider needs none.
    let key: SecretBytes
    let baseURL: EndpointURL?
  }

  enum Verdict: Sendable {
    /// Stored as the candidate with this index; `note` warns.
    case stored(Int, note: String?)
    /// The endpoint of that candidate.
    case endpoint(of: Int)
    /// The same as an earlier line says.
    case repeated(line: Int)
    case notProvider
    /// Of a provider, and deliberately left alone.
    case skipped(reason: String)
    /// Of a provider, and another line of the file says otherwise.
    case conflict(reason: String)
    /// Of a provider, and cannot be stored.
    case refused(reason: String)
    case malformed(DotEnvProblem)
  }

  struct Item: Sendable {
    let lines: ClosedRange<Int>
    let name: String?
    var verdict: Verdict
  }

  /// In the order of the file.
  private(set) var items: [Item] = []
  private(set) var candidates: [Candidate] = []

  static let labelDefault = "default"

  init(_ entries: [DotEnvEntry], catalogue: ProviderCatalogue) {
    let endpoints = collectEndpoints(entries, catalogue: catalogue)
    for (index, entry) in entries.enumerated() {
      guard case .variable(let name, let value) = entry.content,
        let found = catalogue.provider(forEnvironmentVariable: name), found.role == .key
      else { continue }
      items[index].verdict = plan(
        value, of: found.provider, at: entry.lines.lowerBound,
        endpoint: endpoints[found.provider.id], catalogue: catalogue)
    }
    settleEndpoints(endpoints)
  }

  /// Where each candidate came from, to recognise what a file says twice.
  private var sources: [(line: Int, candidate: Int)] = []
  /// The candidates that use the endpoint of a provider's variables, by that provider's id.
  private var users: [String: Int] = [:]
}

// MARK: Endpoints

extension ImportPlan {
  /// The endpoint that the file gives for one provider.
  private struct Endpoint {
    let item: Int
    let line: Int
    let provider: Provider
    let url: Result<EndpointURL, EndpointURLError>
  }

  /// Makes an item for every entry, and finds the first endpoint of each provider.
  private mutating func collectEndpoints(
    _ entries: [DotEnvEntry], catalogue: ProviderCatalogue
  ) -> [String: Endpoint] {
    var endpoints: [String: Endpoint] = [:]
    for (index, entry) in entries.enumerated() {
      switch entry.content {
      case .malformed(let name, let problem):
        items.append(Item(lines: entry.lines, name: name, verdict: .malformed(problem)))
      case .variable(let name, let value):
        var item = Item(lines: entry.lines, name: name, verdict: .notProvider)
        if let found = catalogue.provider(forEnvironmentVariable: name), found.role == .baseURL {
          item.verdict = note(
            value, of: found.provider, item: index, line: entry.lines.lowerBound, in: &endpoints)
        }
        items.append(item)
      }
    }
    return endpoints
  }

  private func note(
    _ value: SecretBytes, of provider: Provider, item: Int, line: Int,
    in endpoints: inout [String: Endpoint]
  ) -> Verdict {
    guard value.count > 0 else { return .skipped(reason: "empty") }
    let url = value.withUTF8String { text in
      Result { () throws(EndpointURLError) in try provider.endpoint(fromVariable: text) }
    }
    if let earlier = endpoints[provider.id] {
      let isSame = (try? earlier.url.get()) == (try? url.get())
      return isSame
        ? .repeated(line: earlier.line)
        : .conflict(reason: "line \(earlier.line) gives another endpoint")
    }
    endpoints[provider.id] = Endpoint(item: item, line: line, provider: provider, url: url)
    if case .failure(let error) = url { return .refused(reason: "the URL \(error)") }
    return .skipped(reason: "no key beside it")
  }

  /// Says of each endpoint what became of it; one that needs no key makes a candidate itself.
  private mutating func settleEndpoints(_ endpoints: [String: Endpoint]) {
    for (id, endpoint) in endpoints.sorted(by: { $0.value.line < $1.value.line }) {
      guard case .success(let url) = endpoint.url else { continue }
      if let candidate = users[id] {
        items[endpoint.item].verdict = .endpoint(of: candidate)
      } else if endpoint.provider.key == .optional {
        items[endpoint.item].verdict = add(
          Candidate(
            provider: endpoint.provider, label: Self.labelDefault, key: SecretBytes(copying: []),
            baseURL: url),
          at: endpoint.line, note: nil)
      } else if Self.isOwn(url, of: endpoint.provider) {
        items[endpoint.item].verdict = .skipped(reason: "the provider's own endpoint")
      }
    }
  }

  private static func isOwn(_ url: EndpointURL, of provider: Provider) -> Bool {
    guard let own = provider.defaultBaseURL.flatMap({ try? EndpointURL($0) }) else { return false }
    return own.origin == url.origin
  }
}

// MARK: Keys

extension ImportPlan {
  private mutating func plan(
    _ key: SecretBytes, of provider: Provider, at line: Int, endpoint: Endpoint?,
    catalogue: ProviderCatalogue
  ) -> Verdict {
    guard key.count > 0 else { return .skipped(reason: "empty") }
    guard !KeyShape.isPlaceholder(key) else { return .skipped(reason: "a placeholder") }
    let note = KeyShape.warning(key, for: provider)
    guard let endpoint else {
      guard provider.endpoint != .required else {
        let variables = provider.baseURLVariables.prefix(1).joined()
        return .refused(reason: "\(provider.displayName) needs an endpoint: set \(variables)")
      }
      return add(
        Candidate(provider: provider, label: Self.labelDefault, key: key, baseURL: nil),
        at: line, note: note)
    }
    // Without its endpoint a key would be sent to the wrong host.
    guard case .success(let url) = endpoint.url else {
      return .refused(reason: "its endpoint on line \(endpoint.line) is refused")
    }
    if Self.isOwn(url, of: provider) {
      return add(
        Candidate(provider: provider, label: Self.labelDefault, key: key, baseURL: nil),
        at: line, note: note)
    }
    guard provider.endpoint != .forbidden else {
      return .refused(reason: "\(provider.displayName) takes no other endpoint")
    }
    var candidate = Candidate(
      provider: provider, label: Self.labelDefault, key: key, baseURL: url)
    // A key for somebody else's endpoint is not this provider's key, whatever the variable is
    // called.
    if let foreign = provider.foreignEndpointProvider.flatMap(catalogue.provider(id:)) {
      candidate = Candidate(
        provider: foreign, label: Self.label(for: url), key: key, baseURL: url)
    }
    let verdict = add(candidate, at: line, note: candidate.provider == provider ? note : nil)
    if case .stored(let index, _) = verdict, users[provider.id] == nil {
      users[provider.id] = index
    }
    return verdict
  }

  private mutating func add(_ candidate: Candidate, at line: Int, note: String?) -> Verdict {
    for source in sources {
      let earlier = candidates[source.candidate]
      guard earlier.provider.id == candidate.provider.id, earlier.label == candidate.label else {
        continue
      }
      let isSame =
        earlier.key.constantTimeEquals(candidate.key) && earlier.baseURL == candidate.baseURL
      return isSame
        ? .repeated(line: source.line)
        : .conflict(
          reason: "line \(source.line) gives another key for "
            + "\(candidate.provider.id)/\(candidate.label)")
    }
    candidates.append(candidate)
    sources.append((line, candidates.count - 1))
    return .stored(candidates.count - 1, note: note)
  }

  /// A label that says where the key goes: the host, and the port unless it is the scheme's own.
  static func label(for url: EndpointURL) -> String {
    var text = url.host.description
    if url.port != url.scheme.defaultPort { text += "-\(url.port)" }
    let label = text.lowercased().filter { $0 != "[" && $0 != "]" }
      .map { $0 == ":" ? "-" : $0 }
    return String(label.prefix(64))
  }
}

/// What can be seen of a key without knowing whether it works.
enum KeyShape {
  /// The texts that example files put in place of a key; storing one would hide that it is missing.
  static func isPlaceholder(_ key: SecretBytes) -> Bool {
    key.withUTF8String { text in
      let text = text.lowercased()
      if text.hasPrefix("<"), text.hasSuffix(">") { return true }
      if text.hasSuffix("...") || text.hasSuffix("…") { return true }
      let words = text.split { "-_ ".contains($0) }
      let isYours = words.contains("your") && !words.allSatisfy { $0 == "your" }
      let isNothing = ["changeme", "none", "null", "todo", "placeholder"].contains(text)
      // "sk-xxxxxxxx": nothing but the prefix and a run of x.
      let isMask = text.suffix(8) == "xxxxxxxx"
      return isYours || isNothing || isMask
    }
  }

  /// A hint when the key does not begin as the provider's keys do.
  static func warning(_ key: SecretBytes, for provider: Provider) -> String? {
    key.withUTF8String { provider.recognises(key: $0) }
      ? nil : "does not look like a key of \(provider.displayName)"
  }
}
