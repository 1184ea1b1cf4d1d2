import Backend
import Edge
import FoundationEssentials
import HTTPTypes
import Protobuf
import RPC
import ServiceAPI

/// The pages on which people read what happened.
struct AuditPage: Sendable {
  /// The entries of one day.
  struct Day: Sendable {
    let name: String
    var entries: [AuditEntry]
  }

  static let section = "/audit"
  static let rowsPerPage: Int32 = 25

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/audit", .page) { exchange in
        let filter = AuditFilter(try exchange.parameters())
        return try await portal.forVisitor(exchange) { try await list(exchange, $0, filter) }
      },
      try Edge.Route(["GET"], "/audit/{id}", .page) { exchange in
        try await portal.forVisitor(exchange) { try await entry(exchange, $0) }
      },
    ]
  }

  private func list(
    _ exchange: Exchange, _ visitor: Visitor, _ filter: AuditFilter
  ) async throws -> Response {
    let options = visitor.options(for: exchange)
    var mistakes = filter.mistakes
    var events = AuditAPI.ListEventsResponse()
    var chart: DayChart?
    async let names = AuditNames(exchange, visitor, portal)
    async let proof = LogProof.newest(exchange, portal.services)
    if mistakes == nil {
      let days = filter.days(now: Int64(Date().timeIntervalSince1970))
      async let counts = try? portal.services.audit.countEvents(
        filter.counting(days), options: options)
      do {
        events = try await portal.services.audit.listEvents(
          filter.request(rows: Self.rowsPerPage), options: options)
      } catch {
        let problem = Problem(catching: error)
        guard let found = Mistakes(problem, labels: Self.labels) else { throw problem }
        mistakes = found
      }
      chart = await counts.map { Self.chart($0, days, filter) }
    }
    var known = await names
    await known.findRevoked(in: events.events, exchange, visitor, portal)
    return page(exchange, visitor, filter, events, known, chart, await proof, mistakes)
  }

  private static let labels = [
    "credentialId": "Access token", "targetId": "Key", "ipAddress": "Address", "text": "Search",
    "pageToken": "Page", "since": "From", "until": "To",
  ]

  private func page(
    _ exchange: Exchange, _ visitor: Visitor, _ filter: AuditFilter,
    _ events: AuditAPI.ListEventsResponse, _ names: AuditNames, _ chart: DayChart?,
    _ proof: LogProof?, _ mistakes: Mistakes?
  ) -> Response {
    let days = Self.days(events.events.map { AuditEntry($0, names: names) })
    let next = events.nextPageToken
    var older = filter
    older.page = next
    let chips = filter.chips(names)
    return portal.page(
      exchange, visitor, "audit",
      title: mistakes == nil ? "Audit log" : "Error: audit log", section: Self.section,
      [
        "mistakes": mistakes as Any, "days": days, "hasDays": !days.isEmpty,
        "chart": (chart?.isEmpty == false ? chart : nil) as Any, "chips": chips,
        "hasChips": !chips.isEmpty, "proof": proof as Any,
        "unknown": (filter.unknown.isEmpty ? nil : "There is no such choice; it is left out.")
          as Any, "empty": (mistakes == nil ? Self.empty(filter) : nil) as Any,
        "fields": Self.fields(filter, mistakes), "choices": Self.choices(filter, names),
        "moreChoices": Self.moreChoices(filter, names), "dates": Self.dates(filter, mistakes),
        "isMoreOpen": !(filter.token + filter.key + filter.address).isEmpty,
        "pager": Pager(
          text: days.isEmpty ? "" : "\(events.events.count) entries on this page",
          first: filter.page.isEmpty ? nil : filter.with(\.page, "").href,
          older: next.isEmpty ? nil : older.href),
      ], status: mistakes == nil ? .ok : .unprocessableContent)
  }

  private static func empty(_ filter: AuditFilter) -> EmptyState {
    filter.isEmpty
      ? EmptyState(
        .audit, "Nothing happened yet",
        "Whatever is done with your keys, by whomever, is written down here before it is done."
      )
      : EmptyState(
        .search, "No entry matches", "Other words, other dates or another outcome may.",
        action: "Clear filters", href: section, isPrimary: false)
  }

  // MARK: The filter's form

  private static func fields(_ filter: AuditFilter, _ mistakes: Mistakes?) -> [Field] {
    var field = Field(
      "text", "Search", type: "search", value: filter.text, isOptional: true, isPlain: true,
      lengthMax: 100, mistakes: mistakes)
    field.isWide = true
    field.placeholder = "Model, path, program, request number"
    return [field]
  }

  private static func choices(_ filter: AuditFilter, _ names: AuditNames) -> [Choice] {
    [
      Choice(
        "action", "What", [("", "Anything")] + AuditActionName.choices, selected: filter.action),
      Choice(
        "outcome", "Outcome", AuditFilter.outcomes.map { ($0.value, $0.text) },
        selected: filter.outcome),
    ]
  }

  private static func moreChoices(_ filter: AuditFilter, _ names: AuditNames) -> [Choice] {
    func list(
      _ name: String, _ label: String, _ known: [(value: String, text: String)],
      _ selected: String, _ text: String
    ) -> Choice {
      // What is asked for is there, though it may not exist any more.
      let isMissing = !selected.isEmpty && !known.contains { $0.value == selected }
      return Choice(
        name, label, [("", "Any")] + known + (isMissing ? [(selected, text)] : []),
        selected: selected)
    }
    return [
      list(
        "token", "Access token", names.tokenChoices, filter.token, names.token(filter.token)),
      list("key", "Key", names.keyChoices, filter.key, names.key(id: filter.key)),
    ]
  }

  private static func dates(_ filter: AuditFilter, _ mistakes: Mistakes?) -> [Field] {
    [
      Field("address", "Address", value: filter.address, isOptional: true, isPlain: true),
      Field(
        "since", "From", type: "date", value: filter.since, isOptional: true, mistakes: mistakes),
      Field("until", "To", type: "date", value: filter.until, isOptional: true, mistakes: mistakes),
    ]
  }

  // MARK: The log

  private static func days(_ entries: [AuditEntry]) -> [Day] {
    var days: [Day] = []
    for entry in entries {
      let name = entry.time?.day ?? "No time"
      if days.last?.name == name {
        days[days.count - 1].entries.append(entry)
      } else {
        days.append(Day(name: name, entries: [entry]))
      }
    }
    return days
  }

  static func chart(
    _ answer: AuditAPI.CountEventsResponse, _ days: DayRange, _ filter: AuditFilter
  ) -> DayChart {
    var counts = Array(repeating: [0, 0], count: days.count)
    for count in answer.counts {
      guard counts.indices.contains(Int(count.interval)) else { continue }
      counts[Int(count.interval)][count.outcome == .success ? 0 : 1] += Int(clamping: count.count)
    }
    return DayChart(
      title: "Entries a day",
      series: [.init(name: "done", tone: 1), .init(name: "failed or refused", tone: 5)],
      days: zip(days.moments, counts).map { moment, counts in
        DayChart.Day(
          name: moment.shortDay,
          href: filter.with(\.since, moment.date).with(\.until, moment.date).href, counts: counts)
      }, height: 110)
  }

  private func entry(_ exchange: Exchange, _ visitor: Visitor) async throws -> Response {
    let answer = try await portal.services.audit.listEvents(
      AuditAPI.ListEventsRequest(pageSize: 1, id: exchange.variable("id")),
      options: visitor.options(for: exchange))
    guard let event = answer.events.first else { throw Problem(.notFound) }
    var names = await AuditNames(exchange, visitor, portal)
    await names.findRevoked(in: [event], exchange, visitor, portal)
    let entry = AuditEntry(event, names: names)
    let proof = await LogProof.newest(exchange, portal.services)?.href(of: event)
    return portal.page(
      exchange, visitor, "audit-entry", title: "Entry \(entry.number)", section: Self.section,
      [
        "entry": entry, "raw": String(decoding: event.json(), as: UTF8.self),
        "proof": proof as Any,
        "sameRequest": AuditFilter().with(\.text, event.requestId).href,
      ])
  }
}
