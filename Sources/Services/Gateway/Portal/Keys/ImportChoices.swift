import Edge
import Encodings
import EnvImport
import Providers
import ServiceAPI

/// A plan beside what is stored already: what can be chosen for each key of a file, and what was.
struct ImportChoices: Sendable {
  /// A line of the file, as the page shows it.
  struct Row: Sendable {
    let line: Int
    let name: String
    let text: String
    /// What its key would be stored as; nil where nothing would be.
    let target: String?
    /// Of the candidate; fields are named by it.
    let index: Int
    let isChosen: Bool
    /// Where another key is stored as that already.
    let conflict: Conflict?
  }

  /// Three ways on from a name that is taken.
  struct Conflict: Sendable {
    let options: [Choice.Option]
    let label: String
    let error: String?
  }

  enum Decision: Sendable {
    case leave
    case store(label: String)
    case replace(VaultAPI.ProviderConfig)
  }

  private static let nameBytesMax = 64
  private static let ways = [
    ("skip", "Keep the stored key"), ("replace", "Replace the stored key"),
    ("label", "Store it under the label"),
  ]

  let plan: ImportPlan
  private let stored: [VaultAPI.ProviderConfig]

  init(_ plan: ImportPlan, stored: [VaultAPI.ProviderConfig]) {
    (self.plan, self.stored) = (plan, stored)
  }

  func target(_ candidate: ImportPlan.Candidate) -> String {
    "\(candidate.provider.displayName), \(candidate.label)"
  }

  private func rival(of candidate: ImportPlan.Candidate) -> VaultAPI.ProviderConfig? {
    stored.first { $0.provider == candidate.provider.id && $0.label == candidate.label }
  }

  // MARK: What was chosen

  func choice(at index: Int, _ form: FormData) -> Decision {
    let candidate = plan.candidates[index]
    guard let rival = rival(of: candidate) else {
      return form["c.\(index)"].isEmpty ? .leave : .store(label: candidate.label)
    }
    switch form["x.\(index)"] {
    case "replace": return .replace(rival)
    case "label": return .store(label: ProviderForm.label(form.trimmed("l.\(index)")))
    default: return .leave
    }
  }

  /// Labels that can't be, or are taken: by a stored key, or by another one of the file.
  func mistakes(_ form: FormData) -> [Mistakes.Item] {
    var taken = Set(stored.map { "\($0.provider) \($0.label)" })
    var items: [Mistakes.Item] = []
    for index in plan.candidates.indices {
      guard case .store(let label) = choice(at: index, form) else { continue }
      let name = "l.\(index)"
      if !ProviderForm.isLabel(label) || label.isEmpty {
        items.append(.init(name, label: "Label", ProviderForm.labelRule))
      } else if !taken.insert("\(plan.candidates[index].provider.id) \(label)").inserted {
        items.append(.init(name, label: "Label", "“\(label)” is taken. Choose another label."))
      }
    }
    return items
  }

  // MARK: Rows

  func rows(_ form: FormData?) -> [Row] {
    var shown: Set<Int> = []
    let wrong = form.map { mistakes($0) } ?? []
    return plan.items.flatMap { item in
      Self.single(item.verdict).map { verdict in
        let (text, candidate) = describe(verdict)
        // A candidate has one choice, at the line that it comes from.
        let index = candidate.flatMap { shown.insert($0).inserted ? $0 : nil }
        return Row(
          line: item.lines.lowerBound, name: Self.shown(item.name), text: text,
          target: index.map { target(plan.candidates[$0]) }, index: index ?? 0,
          isChosen: index.map { index in form.map { !$0["c.\(index)"].isEmpty } ?? true } ?? false,
          conflict: index.flatMap { conflict(at: $0, form, wrong) })
      }
    }
  }

  private func conflict(
    at index: Int, _ form: FormData?, _ wrong: [Mistakes.Item]
  ) -> Conflict? {
    let candidate = plan.candidates[index]
    guard rival(of: candidate) != nil else { return nil }
    let way = form?["x.\(index)"] ?? ""
    return Conflict(
      options: Self.ways.map { Choice.Option(value: $0.0, text: $0.1, isSelected: $0.0 == way) },
      label: form.map { $0.trimmed("l.\(index)") } ?? freeLabel(for: candidate),
      error: wrong.first { $0.target == "l.\(index)" }?.detail)
  }

  /// `default-2`, or the next number that is free.
  private func freeLabel(for candidate: ImportPlan.Candidate) -> String {
    let taken = Set(
      stored.filter { $0.provider == candidate.provider.id }.map(\.label)
        + plan.candidates.filter { $0.provider.id == candidate.provider.id }.map(\.label))
    for number in 2...(taken.count + 2) {
      let label = "\(candidate.label)-\(number)"
      if !taken.contains(label) { return label }
    }
    return candidate.label
  }

  private static func single(_ verdict: ImportPlan.Verdict) -> [ImportPlan.Verdict] {
    guard case .list(let verdicts) = verdict else { return [verdict] }
    return verdicts.flatMap(single)
  }

  /// Never a value; and the end of an unquoted private key can look like a name.
  private static func shown(_ name: String?) -> String {
    guard let name, name.utf8.count <= nameBytesMax,
      name.utf8.allSatisfy({ $0.isASCIIUpper || $0.isASCIIDigit || $0 == UInt8(ascii: "_") })
    else { return "–" }
    return name
  }

  private func describe(_ verdict: ImportPlan.Verdict) -> (text: String, candidate: Int?) {
    switch verdict {
    case .stored(let index, let note):
      let candidate = plan.candidates[index]
      let place = candidate.baseURL.map { ", for \($0.displayHint)" } ?? ""
      let rival = rival(of: candidate).map {
        "; \(target(candidate)) is stored already (\($0.maskedKey))"
      }
      return ("A key" + place + (note.map { " (\($0))" } ?? "") + (rival ?? ""), index)
    case .endpoint(let index): return ("The address of \(target(plan.candidates[index]))", nil)
    case .repeated(let line): return ("As line \(line)", nil)
    case .notProvider: return ("Not of a provider", nil)
    case .skipped(let reason): return ("Left alone: \(reason)", nil)
    case .conflict(let reason): return ("In conflict: \(reason)", nil)
    case .refused(let reason): return ("Can't be stored: \(reason)", nil)
    case .malformed(let problem): return ("Malformed: \(problem)", nil)
    case .list: return ("", nil)
    }
  }
}
