import Edge
import Encodings
import Protobuf
import ServiceAPI

/// One entry of the log as a sentence, and as facts.
struct AuditEntry: Sendable {
  struct Fact: Sendable {
    let name: String
    let value: String
    /// Everything else with the same value; nil where nobody would ask.
    let href: String?

    init(_ name: String, _ value: String, href: String? = nil) {
      (self.name, self.value, self.href) = (name, value, href)
    }
  }

  let id: String
  let number: String
  let time: Moment?
  let state: StatePill
  let actor: String
  let verb: String
  let object: String?
  /// What else there is to say, e.g. `POST /v1/chat/completions · 200 · 412 ms`.
  let note: String?
  let facts: [Fact]

  init(_ event: AuditAPI.AuditEvent, names: AuditNames) {
    id = event.id
    number = DayChart.grouped(Int(exactly: event.sequence) ?? 0)
    time = event.time.map { Moment($0) }
    state = StatePill(event.outcome)
    actor = Self.actor(of: event, names)
    verb = AuditActionName.verb(of: event.action, isDone: event.outcome == .success)
    object = Self.object(of: event, names)
    let note = Self.note(of: event)
    self.note = note.isEmpty ? nil : note
    facts = Self.facts(of: event, names)
  }

  private static func actor(of event: AuditAPI.AuditEvent, _ names: AuditNames) -> String {
    if event.credential == .accessToken { return names.token(event.credentialID) }
    switch event.actor?.type {
    case "user": return "You"
    case "operator": return "The operator"
    case "anonymous", nil: return "Somebody"
    default: return event.actor?.name ?? ""
    }
  }

  private static func object(of event: AuditAPI.AuditEvent, _ names: AuditNames) -> String? {
    guard let target = event.target, !target.name.isEmpty else { return nil }
    switch target.type {
    case "provider-config": return names.key(target.name)
    case "session", "account": return nil
    default: return target.name
    }
  }

  private static func note(of event: AuditAPI.AuditEvent) -> String {
    var parts = [event.text("purpose")]
    if event.action == "credential.use" {
      if let status = event.number("status"), status > 0 { parts.append("\(status)") }
      if let time = event.number("milliseconds") { parts.append(duration(time)) }
      if let tokens = tokens(of: event) { parts.append(tokens) }
    }
    if let seconds = event.number("expiresInSeconds") {
      parts.append("valid for \(DayChart.grouped(Int(seconds / 86_400))) days")
    }
    if event.action.beginsWithBytes(of: "session.") { parts.append("from \(event.ipAddress)") }
    let reason = event.text("reason")
    if !reason.isEmpty {
      parts.append(AuditActionName.reason(reason, status: event.number("status")))
    }
    parts.removeAll(where: \.isEmpty)
    return parts.joined(separator: " · ")
  }

  /// E.g. `1,203 in, 88 out`; nil where the provider told nothing.
  private static func tokens(of event: AuditAPI.AuditEvent) -> String? {
    guard let input = event.number("inputTokens"), let output = event.number("outputTokens") else {
      return nil
    }
    return "\(DayChart.grouped(Int(input))) in, \(DayChart.grouped(Int(output))) out"
  }

  private static func duration(_ milliseconds: Int64) -> String {
    milliseconds < 10_000
      ? "\(DayChart.grouped(Int(milliseconds))) ms"
      : "\(DayChart.grouped(Int(milliseconds / 1_000))) s"
  }

  // MARK: Facts

  /// Details that have a fact of their own.
  private static let told: Set<String> = [
    "credential", "credentialId", "purpose", "status", "milliseconds", "firstByteMilliseconds",
    "requestBytes", "responseBytes", "reason", "expiresInSeconds", "resolve", "model", "operation",
    "inputTokens", "outputTokens", "cachedTokens", "costNanodollars",
  ]

  private static func facts(of event: AuditAPI.AuditEvent, _ names: AuditNames) -> [Fact] {
    let filter = AuditFilter()
    var facts: [Fact] = []
    if let time = event.time.map({ Moment($0) }) {
      facts.append(
        Fact("Time", "\(time.text.dropLastMinutes)\(time.clock) \(TimeZoneRules.shown.name)"))
    }
    if event.credential == .accessToken {
      facts.append(
        Fact(
          "Access token", names.token(event.credentialID),
          href: filter.with(\.token, event.credentialID).href))
    }
    if let target = event.target, target.type == "provider-config" {
      facts.append(
        Fact("Key", names.key(target.name), href: filter.with(\.key, target.id).href))
    }
    facts.append(
      Fact("From", event.ipAddress, href: filter.with(\.address, event.ipAddress).href))
    facts.append(Fact("Program", event.userAgent))
    facts += answerFacts(of: event)
    facts.append(
      Fact("Request", event.requestId, href: filter.with(\.text, event.requestId).href))
    for (name, value) in (event.details?.fields ?? [:]).sorted(by: { $0.key < $1.key })
    where !told.contains(name) {
      let words = name.hasBytes(of: "origin") ? "Sent to" : AuditActionName.words(of: name)
      facts.append(Fact(words, StructText.text(of: value)))
    }
    facts.append(Fact("Recorded by", event.source))
    facts.append(Fact("Action", event.action, href: filter.with(\.action, event.action).href))
    return facts.filter { !$0.value.isEmpty }
  }

  private static func answerFacts(of event: AuditAPI.AuditEvent) -> [Fact] {
    var facts = [Fact("Asked for", event.text("purpose"))]
    if let status = event.number("status") {
      facts.append(Fact("The provider's answer", status == 0 ? "none" : "\(status)"))
    }
    if let first = event.number("firstByteMilliseconds"), let all = event.number("milliseconds") {
      facts.append(Fact("Took", "\(duration(all)), the first byte after \(duration(first))"))
    }
    if let sent = event.number("requestBytes"), let got = event.number("responseBytes") {
      facts.append(
        Fact("Bytes", "\(DayChart.grouped(Int(sent))) sent, \(DayChart.grouped(Int(got))) received")
      )
    }
    facts.append(Fact("Model", event.text("model")))
    if let tokens = tokens(of: event) {
      let cached = event.number("cachedTokens") ?? 0
      let ofCache = cached > 0 ? ", \(DayChart.grouped(Int(cached))) of a cache" : ""
      facts.append(Fact("Tokens", tokens + ofCache))
    }
    if let cost = event.number("costNanodollars") {
      facts.append(Fact("List price", Money.text(Int(cost))))
    }
    let reason = event.text("reason")
    if !reason.isEmpty {
      facts.append(Fact("Why", AuditActionName.reason(reason, status: event.number("status"))))
    }
    return facts
  }
}

extension String {
  /// `23 Nov 2026, 22:35` without the clock.
  fileprivate var dropLastMinutes: Substring { Substring(utf8.dropLast(5)) }
}

/// A value of an event's details, in words.
enum StructText {
  static func text(of value: StructValue) -> String {
    switch value {
    case .null: "–"
    case .bool(let flag): flag ? "yes" : "no"
    case .number(let number): Int64(exactly: number).map(String.init) ?? "\(number)"
    case .string(let text): text
    case .list(let values): values.map { Self.text(of: $0) }.joined(separator: ", ")
    case .struct(let value):
      value.fields.sorted { $0.key < $1.key }
        .map { "\($0.key): \(text(of: $0.value))" }.joined(separator: ", ")
    }
  }
}
