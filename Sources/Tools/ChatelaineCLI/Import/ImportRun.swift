import EnvImport
import Providers

/// What became of one candidate.
enum ImportOutcome: Sendable, Equatable {
  case imported, alreadyThere, conflict
  /// A rehearsal, and another key or endpoint would give way.
  case wouldReplace
  case failed(reason: String)
}

/// A key that an import has stored, as its undoing needs it.
struct ImportedKey: Codable, Equatable {
  /// Of the configuration.
  let id: String
  /// As the import left it: what was changed since is not undone.
  let etag: String
  /// Provider and label.
  let name: String
  /// Whether another key gave way.
  let hasReplaced: Bool
}

/// Where the keys of a file go.
protocol ImportTarget {
  /// Stores one candidate, or says what would become of it.
  ///
  /// - Parameter note: where the key comes from, kept with it.
  /// - Returns: `.conflict` where another key is stored under its name and `replaces` is false;
  ///   with `.imported`, what was stored.
  /// - Throws: `CommandError` when it can't go on with the next candidate either.
  mutating func store(
    _ candidate: ImportPlan.Candidate, note: String, replaces: Bool, validateOnly: Bool
  ) async throws -> (outcome: ImportOutcome, key: ImportedKey?)
}

/// Stores the candidates of a plan, one by one, for one user.
struct ImportRun<Target: ImportTarget> {
  /// Labels that are tried after one that holds another key.
  private static var labelsMax: Int { 20 }

  private var target: Target
  /// The file, as notes name it.
  private let source: String
  private let onConflict: ConflictRule
  /// What was stored until now, also when an error ends the run.
  private(set) var imported: [ImportedKey] = []

  init(_ target: Target, source: String, onConflict: ConflictRule) {
    (self.target, self.source, self.onConflict) = (target, source, onConflict)
  }

  /// One outcome for each candidate, in order.
  ///
  /// - Throws: `CommandError` when the target can't be reached; what was stored until then stays,
  ///   and the next run finds it there.
  mutating func run(_ plan: inout ImportPlan, validateOnly: Bool) async throws -> [ImportOutcome] {
    var outcomes: [ImportOutcome] = []
    for index in plan.candidates.indices {
      let original = plan
      let note = plan.note(onCandidate: index, of: source)
      var outcome = ImportOutcome.conflict
      for attempt in 1...(onConflict == .newLabel ? Self.labelsMax : 1) {
        if attempt > 1 {
          plan = original
          plan.numberLabel(of: index, attempt: attempt)
        }
        let answer = try await target.store(
          plan.candidates[index], note: note, replaces: onConflict == .replace,
          validateOnly: validateOnly)
        outcome = answer.outcome
        if let key = answer.key { imported.append(key) }
        guard outcome == .conflict else { break }
      }
      outcomes.append(outcome)
    }
    return outcomes
  }
}

extension ImportPlan {
  /// Of a file's name; what is longer is none that tells anybody anything.
  private static let sourceBytesMax = 255

  /// Where a candidate stood: `Imported from old.env, line 3.`
  func note(onCandidate index: Int, of source: String) -> String {
    let line = items.first { $0.verdict.stores(index) }?.lines.lowerBound
    // A name may hold what a note may not.
    let name = Terminal.printable(
      String(decoding: source.utf8.prefix(Self.sourceBytesMax), as: UTF8.self))
    return "Imported from \(name)" + (line.map { ", line \($0)." } ?? ".")
  }
}

extension ImportPlan.Verdict {
  fileprivate func stores(_ candidate: Int) -> Bool {
    switch self {
    case .stored(candidate, _): true
    case .list(let verdicts): verdicts.contains { $0.stores(candidate) }
    default: false
    }
  }
}
