import Encodings
import EnvImport
import Providers

/// What the operator reads after an import: a line for each entry of the file, then the counts.
///
/// Never a value, and a name only where it looks like one: the end of an unquoted private key can
/// look like an assignment.
struct ImportReport {
  private enum Kind: CaseIterable {
    case imported, alreadyThere, conflict, skipped, notProvider, malformed, failed
  }

  let lines: [String]
  let summary: String
  /// The same as JSON objects, one a line of the file and one for the counts.
  let json: [String]
  /// Whether anything was imported, or is there already.
  let hasStored: Bool
  /// False when a line is malformed, in conflict, or could not be stored.
  let isClean: Bool

  init(plan: ImportPlan, outcomes: [ImportOutcome], isRehearsal: Bool) {
    var counts: [Kind: Int] = [:]
    var rows: [(place: String, name: String, text: String)] = []
    var json: [String] = []
    for item in plan.items {
      var texts: [String] = []
      for verdict in Self.single(item.verdict) {
        let (kind, text) = Self.describe(verdict, plan, outcomes, isRehearsal: isRehearsal)
        if let kind { counts[kind, default: 0] += 1 }
        texts.append(text)
      }
      let text = texts.joined(separator: "; ")
      rows.append((Self.place(item.lines), Self.shown(item.name), text))
      json.append(
        JSONText.object([
          ("line", "\(item.lines.lowerBound)"), ("name", JSONText.string(Self.shown(item.name))),
          ("result", JSONText.string(text)),
        ]))
    }
    let placeWidth = rows.map(\.place.count).max() ?? 0
    let nameWidth = rows.map(\.name.count).max() ?? 0
    lines = rows.map { row in
      "\(Self.padded(row.place, placeWidth))  \(Self.padded(row.name, nameWidth))  \(row.text)"
    }
    summary = Self.summary(counts, isRehearsal: isRehearsal)
    hasStored = counts[.imported, default: 0] + counts[.alreadyThere, default: 0] > 0
    let members = Kind.allCases.map { ("\($0)", "\(counts[$0, default: 0])") }
    self.json = json + [JSONText.object(members + [("dryRun", "\(isRehearsal)")])]
    isClean = [.conflict, .malformed, .failed].allSatisfy { counts[$0, default: 0] == 0 }
  }

  /// One for each value of a list.
  private static func single(_ verdict: ImportPlan.Verdict) -> [ImportPlan.Verdict] {
    guard case .list(let verdicts) = verdict else { return [verdict] }
    return verdicts.flatMap(single)
  }

  private static func describe(
    _ verdict: ImportPlan.Verdict, _ plan: ImportPlan, _ outcomes: [ImportOutcome],
    isRehearsal: Bool
  ) -> (Kind?, String) {
    switch verdict {
    case .stored(let index, let note):
      let target = target(plan.candidates[index])
      let warning = note.map { " (\($0))" } ?? ""
      switch outcomes[index] {
      case .imported:
        return (
          .imported, (isRehearsal ? "would be imported as " : "imported as ") + target + warning
        )
      case .alreadyThere: return (.alreadyThere, "already there: \(target)")
      case .conflict:
        return (
          .conflict,
          "conflict: another key or endpoint is stored as \(target); to replace it: "
            + "--on-conflict replace, to keep both: --on-conflict new-label"
        )
      case .wouldReplace: return (.imported, "would replace what is stored as \(target)")
      case .failed(let reason): return (.failed, "failed: \(reason)")
      }
    case .endpoint(let index):
      let candidate = plan.candidates[index]
      let hint = candidate.baseURL?.displayHint ?? ""
      return (nil, "endpoint of \(target(candidate)): \(hint)")
    case .repeated(let line): return (.alreadyThere, "already there: as line \(line)")
    case .notProvider: return (.notProvider, "not a provider")
    case .skipped(let reason): return (.skipped, "skipped: \(reason)")
    case .conflict(let reason): return (.conflict, "conflict: \(reason)")
    case .refused(let reason): return (.failed, "failed: \(reason)")
    case .malformed(let problem): return (.malformed, "malformed: \(problem)")
    case .list: return (nil, "")
    }
  }

  private static func summary(_ counts: [Kind: Int], isRehearsal: Bool) -> String {
    let parts = Kind.allCases.compactMap { kind -> String? in
      let count = counts[kind, default: 0]
      let isAlwaysSaid = kind == .imported || kind == .alreadyThere || kind == .notProvider
      guard count > 0 || isAlwaysSaid else { return nil }
      return "\(count) \(word(kind, count: count, isRehearsal: isRehearsal))"
    }
    return parts.joined(separator: ", ") + (isRehearsal ? "; nothing was stored" : "")
  }

  private static func word(_ kind: Kind, count: Int, isRehearsal: Bool) -> String {
    switch kind {
    case .imported: isRehearsal ? "would be imported" : "imported"
    case .alreadyThere: "already there"
    case .conflict: count == 1 ? "conflict" : "conflicts"
    case .skipped: "skipped"
    case .notProvider: "not a provider"
    case .malformed: "malformed"
    case .failed: "failed"
    }
  }

  private static func target(_ candidate: ImportPlan.Candidate) -> String {
    "\(candidate.provider.id)/\(candidate.label)"
  }

  private static func place(_ lines: ClosedRange<Int>) -> String {
    lines.count == 1 ? "line \(lines.lowerBound)" : "lines \(lines.lowerBound)-\(lines.upperBound)"
  }

  /// Base64 mixes upper and lower case; names of variables do not.
  static func shown(_ name: String?) -> String {
    guard let name, name.utf8.count <= 64 else { return "-" }
    let isOneCase = name == name.uppercased() || name == name.lowercased()
    return isOneCase ? name : "-"
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}
