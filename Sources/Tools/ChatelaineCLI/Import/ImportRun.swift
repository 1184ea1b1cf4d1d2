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
  /// - Returns: `.conflict` where another key is stored under its name and `replaces` is false;
  ///   with `.imported`, what was stored.
  /// - Throws: `CommandError` when it can't go on with the next candidate either.
  mutating func store(
    _ candidate: ImportPlan.Candidate, replaces: Bool, validateOnly: Bool
  ) async throws -> (outcome: ImportOutcome, key: ImportedKey?)
}

/// Stores the candidates of a plan, one by one, for one user.
struct ImportRun<Target: ImportTarget> {
  /// Labels that are tried after one that holds another key.
  private static var labelsMax: Int { 20 }

  var target: Target
  var onConflict = ConflictRule.skip
  /// What was stored until now, also when an error ends the run.
  private(set) var imported: [ImportedKey] = []

  init(_ target: Target, onConflict: ConflictRule) {
    (self.target, self.onConflict) = (target, onConflict)
  }

  /// One outcome for each candidate, in order.
  ///
  /// - Throws: `CommandError` when the target can't be reached; what was stored until then stays,
  ///   and the next run finds it there.
  mutating func run(_ plan: inout ImportPlan, validateOnly: Bool) async throws -> [ImportOutcome] {
    var outcomes: [ImportOutcome] = []
    for index in plan.candidates.indices {
      let original = plan
      var outcome = ImportOutcome.conflict
      for attempt in 1...(onConflict == .newLabel ? Self.labelsMax : 1) {
        if attempt > 1 {
          plan = original
          plan.numberLabel(of: index, attempt: attempt)
        }
        let answer = try await target.store(
          plan.candidates[index], replaces: onConflict == .replace, validateOnly: validateOnly)
        outcome = answer.outcome
        if let key = answer.key { imported.append(key) }
        guard outcome == .conflict else { break }
      }
      outcomes.append(outcome)
    }
    return outcomes
  }
}
