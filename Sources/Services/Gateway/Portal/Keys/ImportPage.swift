import Backend
import Cryptography
import DotEnv
import Edge
import Encodings
import EnvImport
import HTTPTypes
import HummingbirdCore
import Providers
import RPC
import ServiceAPI

/// Moves the keys of a pasted environment file into the vault: first a plan, then what of it was
/// chosen.
///
/// The text stays in the browser, sealed for its session; nothing is stored before it is chosen.
struct ImportPage: Sendable {
  /// A line of the file, as the plan shows it.
  struct Row: Sendable {
    let line: Int
    let name: String
    let text: String
    /// Of the candidate that it makes; nil where nothing would be stored.
    let choice: Int?
    let target: String?
  }

  private static let address = "/providers/import"
  /// Boxes are named by this and the candidate's place in the plan.
  private static let checkPrefix = "c."
  private static let nameBytesMax = 64

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], Self.address, .page) { exchange in
        try await portal.forVisitor(exchange) { visitor in
          try await result(exchange, visitor)
        }
      },
      try Edge.Route(["POST"], Self.address, .page) { try await plan($0) },
      try Edge.Route(["POST"], "/providers/import/apply", .page) { try await apply($0) },
    ]
  }

  /// The empty form, behind an import with what came of it.
  private func result(_ exchange: Exchange, _ visitor: Visitor) async throws -> Response {
    var (done, undo): (String?, [String]) = (nil, [])
    for (name, value) in try exchange.parameters() {
      switch name {
      case "done": done = SessionSeal(visitor)?.open(value, as: .importResult)
      case "undo": undo.append("id=\(PercentCoding.encode(value))")
      default: break
      }
    }
    let address = undo.isEmpty ? nil : "/providers/delete?\(undo.joined(separator: "&"))"
    return page(exchange, visitor, ["done": done as Any, "undo": address as Any])
  }

  private func page(
    _ exchange: Exchange, _ visitor: Visitor, _ content: [String: Any],
    status: HTTPResponse.Status = .ok
  ) -> Response {
    portal.page(
      exchange, visitor, "import", title: "Import a .env file", section: KeyListPage.section,
      content, status: status, isSecret: true)
  }

  private func mistake(
    _ exchange: Exchange, _ visitor: Visitor, _ text: String
  ) -> Response {
    page(
      exchange, visitor,
      ["mistakes": Mistakes(items: [.init("env", label: "File", text)])],
      status: .unprocessableContent)
  }

  private func parsed(_ text: String) throws(DotEnvError) -> ImportPlan {
    let file = try DotEnvFile(parsing: SecretBytes(utf8: text))
    return ImportPlan(file.entries, catalogue: portal.catalogue)
  }

  // MARK: Plan

  private func plan(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitorsForm(exchange, page: Self.address) { visitor, form in
      let text = form["env"]
      guard text.utf8.contains(where: { $0 > 0x20 }) else {
        return mistake(exchange, visitor, "Paste the file's text")
      }
      let plan: ImportPlan
      do {
        plan = try parsed(text)
      } catch {
        return mistake(exchange, visitor, "\(error)")
      }
      guard let kept = SessionSeal(visitor)?.seal(text, as: .typedFile) else {
        return mistake(
          exchange, visitor,
          "It is larger than \(SessionSeal.textBytesMax) bytes: use chatelaine env import")
      }
      let rows = rows(of: plan)
      return page(
        exchange, visitor,
        [
          "rows": rows, "hasRows": true, "kept": kept, "once": OnceForms.newID(),
          "hasCandidates": !plan.candidates.isEmpty,
        ])
    }
  }

  private func rows(of plan: ImportPlan) -> [Row] {
    var shown: Set<Int> = []
    return plan.items.flatMap { item in
      Self.single(item.verdict).map { verdict in
        let (text, candidate) = describe(verdict, plan)
        // A candidate has one box, at the line that it comes from.
        let choice = candidate.flatMap { shown.insert($0).inserted ? $0 : nil }
        return Row(
          line: item.lines.lowerBound, name: Self.shown(item.name), text: text, choice: choice,
          target: choice.map { target(plan.candidates[$0]) })
      }
    }
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

  private func target(_ candidate: ImportPlan.Candidate) -> String {
    "\(candidate.provider.displayName), \(candidate.label)"
  }

  private func describe(
    _ verdict: ImportPlan.Verdict, _ plan: ImportPlan
  ) -> (text: String, candidate: Int?) {
    switch verdict {
    case .stored(let index, let note):
      let place = plan.candidates[index].baseURL.map { ", for \($0.displayHint)" } ?? ""
      return ("A key" + place + (note.map { " (\($0))" } ?? ""), index)
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

  // MARK: Apply

  private func apply(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitorsForm(exchange, page: Self.address) { visitor, form in
      try await portal.onceForms.run(form["once"], of: visitor.account.id) {
        try await apply(exchange, visitor, form)
      }
    }
  }

  private func apply(
    _ exchange: Exchange, _ visitor: Visitor, _ form: FormData
  ) async throws -> Response {
    guard let text = SessionSeal(visitor)?.open(form["kept"], as: .typedFile),
      let plan = try? parsed(text)
    else {
      return mistake(exchange, visitor, "Ten minutes are over: paste the file's text again")
    }
    var (stored, others): ([String], [String]) = ([], [])
    for (index, candidate) in plan.candidates.enumerated()
    where !form[Self.checkPrefix + "\(index)"].isEmpty {
      do {
        if let url = candidate.baseURL { try portal.checkEndpoint(url.description) }
        let request = candidate.key.withUTF8String { key in
          VaultAPI.CreateProviderConfigRequest(
            provider: candidate.provider.id, label: candidate.label, apiKey: key,
            baseUrl: candidate.baseURL?.description)
        }
        let config = try await portal.services.vault.createProviderConfig(
          request, options: visitor.options(for: exchange))
        stored.append(config.id)
      } catch {
        let problem = Problem(catching: error)
        guard problem.status.kind == .clientError else { throw problem }
        others.append("\(target(candidate)): \(problem.fields.first?.detail ?? problem.detail)")
      }
    }
    let count = stored.count == 1 ? "1 key is stored." : "\(stored.count) keys are stored."
    let words = ([count] + others).joined(separator: " ")
    let sealed = SessionSeal(visitor)?.seal(words, as: .importResult) ?? ""
    // Those that were stored can be taken back together.
    let undo = stored.map { "&undo=\(PercentCoding.encode($0))" }.joined()
    return portal.redirect(to: "\(Self.address)?done=\(sealed)\(undo)")
  }
}
