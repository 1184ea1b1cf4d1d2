import Cryptography
import DotEnv
import Providers

/// The variables of a file that mean something to the catalogue.
///
/// A name counts once: as every program that reads such files does, the last line with it.
struct FileVariables: Sendable {
  struct Key: Sendable {
    let item: Int
    let line: Int
    let name: String
    let variable: ProviderVariable
    /// One, or those of a list.
    let values: [SecretBytes]
  }

  struct Endpoint: Sendable {
    let item: Int
    let line: Int
    let name: String
    let variable: ProviderVariable
    /// One, or those of a list; nil stands for the provider's own.
    let urls: [Result<EndpointURL?, EndpointProblem>]
  }

  private(set) var keys: [Key] = []
  private(set) var endpoints: [Endpoint] = []
  /// Verdicts by place in the file, for what needs no other line to be judged.
  private(set) var verdicts: [Int: ImportPlan.Verdict] = [:]

  init(_ entries: [DotEnvEntry], catalogue: ProviderCatalogue) {
    var last: [String: Int] = [:]
    for (index, entry) in entries.enumerated() {
      if let name = entry.name { last[name] = index }
    }
    for (index, entry) in entries.enumerated() {
      guard let name = entry.name, let variable = catalogue.variable(name) else { continue }
      if let final = last[name], final != index {
        if case .variable = entry.content {
          verdicts[index] = .skipped(
            reason: "line \(entries[final].lines.lowerBound) sets it again, and the last one counts"
          )
        }
        continue
      }
      take(entry, name: name, as: variable, item: index)
    }
  }

  private mutating func take(
    _ entry: DotEnvEntry, name: String, as variable: ProviderVariable, item: Int
  ) {
    let line = entry.lines.lowerBound
    switch (entry.content, variable.role) {
    case (.malformed, .key): break
    // Its key must not go to the provider only because this line can't be read.
    case (.malformed, _):
      endpoints.append(
        Endpoint(
          item: item, line: line, name: name, variable: variable, urls: [.failure(.unread)]))
    case (.variable(_, let value), .key):
      keys.append(
        Key(
          item: item, line: line, name: name, variable: variable,
          values: ValueList.keys(value, isList: Self.isList(name))))
    case (.variable(_, let value), _):
      let urls = value.withUTF8String { text in
        EndpointText(text, of: variable, isList: Self.isList(name)).urls
      }
      guard let urls else {
        verdicts[item] = value.count == 0 ? .skipped(reason: "empty") : nil
        return
      }
      endpoints.append(
        Endpoint(item: item, line: line, name: name, variable: variable, urls: urls))
    }
  }

  /// Open WebUI's names for lists are plurals.
  private static func isList(_ name: String) -> Bool { name.utf8.last == UInt8(ascii: "S") }
}

extension DotEnvEntry {
  /// The name that was read, also of a line whose value could not be.
  var name: String? {
    switch content {
    case .variable(let name, _): name
    case .malformed(let name, _): name
    }
  }
}
