package import Cryptography
package import DotEnv
import Encodings
package import Providers

/// What an environment file means: which keys go where, and a verdict on each of its entries.
///
/// Made without asking any service, so that a rehearsal and the real thing plan alike. A key that
/// stands beside an address is never stored without it: it would be sent to somebody else.
package struct ImportPlan: Sendable {
  /// One configuration to store.
  package struct Candidate: Sendable {
    package let provider: Provider
    package let label: String
    /// Empty where the provider needs none.
    package let key: SecretBytes
    package let baseURL: EndpointURL?
  }

  package enum Verdict: Sendable {
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
    /// What became of each value of a list.
    indirect case list([Verdict])
  }

  package struct Item: Sendable {
    package let lines: ClosedRange<Int>
    package let name: String?
    package var verdict: Verdict
  }

  /// In the order of the file.
  package private(set) var items: [Item] = []
  package private(set) var candidates: [Candidate] = []

  static let labelDefault = "default"
  private static let labelBytesMax = 64

  private let catalogue: ProviderCatalogue
  private let variables: FileVariables
  /// Where each candidate came from, to recognise what a file says twice.
  private var sources: [(line: Int, candidate: Int)] = []
  /// Candidates that use an address, by the item of its variable.
  private var users: [Int: [Int]] = [:]
  /// Names of the file, to see which product it was written for.
  private let lineByName: [String: Int]

  package init(_ entries: [DotEnvEntry], catalogue: ProviderCatalogue) {
    self.catalogue = catalogue
    variables = FileVariables(entries, catalogue: catalogue)
    lineByName = Dictionary(
      entries.compactMap { entry in entry.name.map { ($0, entry.lines.lowerBound) } },
      uniquingKeysWith: { $1 })
    for (index, entry) in entries.enumerated() {
      let verdict: Verdict
      switch entry.content {
      case .malformed(_, let problem): verdict = .malformed(problem)
      case .variable: verdict = variables.verdicts[index] ?? .notProvider
      }
      items.append(Item(lines: entry.lines, name: entry.name, verdict: verdict))
    }
    // The best known name of a provider's key first: the others give way to it.
    let ordered = variables.keys.enumerated().sorted { one, other in
      (one.element.variable.rank, one.offset) < (other.element.variable.rank, other.offset)
    }
    for (_, key) in ordered { items[key.item].verdict = plan(key) }
    settleEndpoints()
  }
}

// MARK: Labels

extension ImportPlan {
  /// Gives `label` to every candidate that would get `default`.
  package mutating func relabel(to label: String) {
    for index in candidates.indices where candidates[index].label == Self.labelDefault {
      candidates[index] = candidates[index].labelled(label)
    }
  }

  /// Gives the candidate a label that none of the file's of its provider has: `work-2`, `work-3`.
  package mutating func numberLabel(of index: Int, attempt: Int) {
    let candidate = candidates[index]
    candidates[index] = candidate.labelled(
      String(candidate.label.prefix(Self.labelBytesMax - 4)) + "-\(attempt)")
  }

  package static func isLabel(_ text: String) -> Bool {
    (1...labelBytesMax).contains(text.utf8.count)
      && text.utf8.allSatisfy { $0.isASCIILower || $0.isASCIIDigit || "._-".utf8.contains($0) }
  }
}

extension ImportPlan.Candidate {
  fileprivate func labelled(_ label: String) -> Self {
    Self(provider: provider, label: label, key: key, baseURL: baseURL)
  }
}

// MARK: Keys

extension ImportPlan {
  private mutating func plan(_ key: FileVariables.Key) -> Verdict {
    guard key.values.contains(where: { $0.count > 0 }) else { return .skipped(reason: "empty") }
    if let line = searchEngineLine(for: key) {
      return .skipped(reason: "the key of the search engine that line \(line) names")
    }
    let choice = EndpointChoice(for: key, among: variables)
    let verdicts = key.values.indices.map { index in
      plan(key, at: index, choice)
    }
    return verdicts.count == 1 ? verdicts[0] : .list(verdicts)
  }

  /// Google's search engines have a `GOOGLE_API_KEY` too; which one is meant shows where Gemini's
  /// key has its own name.
  private func searchEngineLine(for key: FileVariables.Key) -> Int? {
    guard key.variable.stem.utf8.elementsEqual("GOOGLE".utf8) else { return nil }
    let line = ["GOOGLE_CSE_ID", "GOOGLE_SEARCH_ENGINE_ID", "GOOGLE_CX"]
      .lazy.compactMap { lineByName[$0] }.first
    let isOnlyKey = !variables.keys.contains {
      $0.item != key.item && $0.variable.provider.id == key.variable.provider.id
        && $0.variable.stem != key.variable.stem && $0.values.contains { $0.count > 0 }
    }
    return isOnlyKey ? nil : line
  }

  private mutating func plan(
    _ key: FileVariables.Key, at index: Int, _ choice: EndpointChoice
  ) -> Verdict {
    let provider = key.variable.provider
    let value = key.values[index]
    let shape = KeyShape(of: value, for: provider, variable: key.name)
    if value.count > 0, let verdict = Self.verdict(onShape: shape) { return verdict }

    let place = choice.place(at: index)
    switch place {
    case .refused(let reason): return .refused(reason: reason)
    case .own(let note):
      guard value.count > 0 else { return .skipped(reason: "empty") }
      guard shape == .key else { return .skipped(reason: "a placeholder") }
      guard value.count >= KeyShape.issuedKeyBytesMin else {
        return .skipped(reason: "too short to be a key")
      }
      guard provider.endpoint != .required else {
        let variables = provider.baseURLVariables.prefix(1).joined()
        return .refused(reason: "\(provider.displayName) needs an endpoint: set \(variables)")
      }
      return add(
        Candidate(provider: provider, label: Self.labelDefault, key: value, baseURL: nil),
        from: key, at: index, note: note ?? KeyShape.warning(value, for: provider))
    case .endpoint(let url, let item):
      guard provider.endpoint != .forbidden else {
        return .refused(reason: "\(provider.displayName) takes no other endpoint")
      }
      let verdict = plan(key, at: index, shape, for: url)
      if case .stored(let candidate, _) = verdict { users[item, default: []].append(candidate) }
      return verdict
    }
  }

  /// A key for somebody else's endpoint is not this provider's key, whatever the variable is
  /// called: it gets the label of its host, and the default stays free.
  private mutating func plan(
    _ key: FileVariables.Key, at index: Int, _ shape: KeyShape, for url: EndpointURL
  ) -> Verdict {
    var provider = key.variable.provider
    var label = Self.labelDefault
    if let foreign = provider.foreignEndpointProvider.flatMap(catalogue.provider(id:)) {
      provider = catalogue.provider(withEndpointsLike: url) ?? foreign
    }
    let isForeign = provider.id == key.variable.provider.foreignEndpointProvider
    if isForeign || provider.endpoint != .required {
      label = Self.label(for: url)
    }
    var value = key.values[index]
    let isEmpty = value.count == 0
    if shape == .noKeyNeeded || isEmpty {
      guard provider.key == .optional else { return .skipped(reason: "a placeholder") }
      value = SecretBytes(copying: [])
    }
    let isOwn = provider.id == key.variable.provider.id
    let note =
      value.count == 0 ? "without a key" : isOwn ? KeyShape.warning(value, for: provider) : nil
    return add(
      Candidate(provider: provider, label: label, key: value, baseURL: url), from: key, at: index,
      note: note)
  }

  /// The verdict on a value that is no key wherever it would go.
  private static func verdict(onShape shape: KeyShape) -> Verdict? {
    switch shape {
    case .key, .noKeyNeeded, .placeholder(isSequence: true): nil
    case .placeholder: .skipped(reason: "a placeholder")
    case .comment: .skipped(reason: "a comment, not a key")
    case .reference(let place):
      .refused(reason: "refers to \(place), where the key is kept: write the key itself")
    case .notOneWord:
      .refused(reason: "has blanks or characters beyond ASCII, which no key has")
    }
  }
}

// MARK: Endpoints

extension ImportPlan {
  /// Says of each endpoint what became of it; one that needs no key makes candidates itself.
  private mutating func settleEndpoints() {
    var seen: [(provider: String, line: Int, urls: [Result<EndpointURL?, EndpointProblem>])] = []
    for endpoint in variables.endpoints {
      let provider = endpoint.variable.provider
      let earlier = seen.first {
        $0.provider == provider.id && EndpointChoice.areSame($0.urls, endpoint.urls)
      }
      seen.append((provider.id, endpoint.line, endpoint.urls))
      if case .malformed = items[endpoint.item].verdict { continue }
      items[endpoint.item].verdict = verdict(on: endpoint, earlier: earlier?.line)
    }
  }

  private mutating func verdict(
    on endpoint: FileVariables.Endpoint, earlier: Int?
  ) -> Verdict {
    let provider = endpoint.variable.provider
    if let candidates = users[endpoint.item] {
      let verdicts = candidates.map { Verdict.endpoint(of: $0) }
      return verdicts.count == 1 ? verdicts[0] : .list(verdicts)
    }
    guard endpoint.variable.role == .baseURL else { return .notProvider }
    if let earlier { return .repeated(line: earlier) }
    var urls: [EndpointURL] = []
    for url in endpoint.urls {
      switch url {
      case .failure(let problem): return .refused(reason: "\(problem)")
      case .success(let url): if let url { urls.append(url) }
      }
    }
    if urls.allSatisfy({ EndpointChoice.isOwn($0, of: provider) }) {
      return .skipped(reason: "the provider's own endpoint")
    }
    guard provider.key == .optional else { return .skipped(reason: "no key beside it") }
    if let other = EndpointChoice.reachable(insteadOf: endpoint, among: variables.endpoints) {
      return .skipped(
        reason: "an address to listen on; line \(other.line) says where it is reached")
    }
    let verdicts = urls.enumerated().map { index, url in
      let candidate = Candidate(
        provider: provider, label: index == 0 ? Self.labelDefault : Self.label(for: url),
        key: SecretBytes(copying: []), baseURL: url)
      return add(
        candidate, labels: [Self.label(for: url)], line: endpoint.line, note: url.displayHint)
    }
    return verdicts.count == 1 ? verdicts[0] : .list(verdicts)
  }
}

// MARK: Candidates

extension ImportPlan {
  private mutating func add(
    _ candidate: Candidate, from key: FileVariables.Key, at index: Int, note: String?
  ) -> Verdict {
    let name = Self.label(forVariable: key.name, at: key.values.count > 1 ? index : nil)
    let isDefault = candidate.label == Self.labelDefault
    let labels =
      isDefault
      ? [name] : ["\(candidate.label)-\(key.variable.provider.id)", "\(candidate.label)-\(name)"]
    return add(
      candidate, labels: labels.map { Self.cut($0) }, line: key.line, note: note)
  }

  /// Stores under the candidate's label, or, where that holds another key, under the next of
  /// `labels`: two names of one provider may hold two keys that are both in use.
  private mutating func add(
    _ candidate: Candidate, labels: [String], line: Int, note: String?
  ) -> Verdict {
    if let earlier = source(holding: candidate) { return .repeated(line: earlier.line) }
    var taken: Int?
    for label in [candidate.label] + labels {
      if let earlier = source(of: candidate.provider.id, label) {
        taken = taken ?? earlier.line
        continue
      }
      candidates.append(
        Candidate(
          provider: candidate.provider, label: label, key: candidate.key,
          baseURL: candidate.baseURL))
      sources.append((line, candidates.count - 1))
      let other = taken.flatMap { taken in
        taken == line
          ? nil : "line \(taken) has the key of \(candidate.provider.id)/\(candidate.label)"
      }
      let notes = [other, note].compactMap(\.self)
      return .stored(
        candidates.count - 1, note: notes.isEmpty ? nil : notes.joined(separator: "; "))
    }
    return .conflict(
      reason: "line \(taken ?? line) gives another key for "
        + "\(candidate.provider.id)/\(candidate.label)")
  }

  private func source(holding candidate: Candidate) -> (line: Int, candidate: Int)? {
    sources.first { source in
      let earlier = candidates[source.candidate]
      return earlier.provider.id == candidate.provider.id
        && earlier.key.constantTimeEquals(candidate.key) && earlier.baseURL == candidate.baseURL
    }
  }

  private func source(of provider: String, _ label: String) -> (line: Int, candidate: Int)? {
    sources.first { source in
      let earlier = candidates[source.candidate]
      return earlier.provider.id == provider && earlier.label == label
    }
  }

  /// A label that says where the key goes: the host, and the port unless it is the scheme's own.
  static func label(for url: EndpointURL) -> String {
    var text = url.host.description
    if url.port != url.scheme.defaultPort { text += "-\(url.port)" }
    let label = text.lowercased().filter { $0 != "[" && $0 != "]" }
      .map { $0 == ":" ? "-" : $0 }
    return cut(String(label))
  }

  /// A label that says where the key came from: `google-api-key`, or `openai-api-keys-2` of a list.
  private static func label(forVariable name: String, at index: Int?) -> String {
    let text = name.lowercased().map { $0 == "_" ? "-" : $0 }
    return String(text) + (index.map { "-\($0 + 1)" } ?? "")
  }

  private static func cut(_ label: String) -> String { String(label.prefix(labelBytesMax)) }
}
