import Backend
import Edge
import Encodings
import HTTPTypes
import Protobuf
import RPC
import ServiceAPI

/// The page on which auditors and admins read everybody's log. That they read it is itself written
/// down: in their own log, and in that of the person whom they have chosen.
struct WholeLogPage: Sendable {
  /// One entry, as a line of the table.
  struct Row: Sendable {
    let number: String
    let time: Moment?
    let actor: String
    let action: String
    let target: String
    let ipAddress: String
    let reason: String
    let state: StatePill
    /// The log of this entry's account alone; nil for one that belongs to nobody.
    let account: String?

    init(_ event: AuditAPI.AuditEvent, _ filter: WholeLogFilter) {
      number = DayChart.grouped(Int(exactly: event.sequence) ?? 0)
      time = event.time.map { Moment($0) }
      actor = event.actor.map { $0.name.isEmpty ? $0.type : $0.name } ?? ""
      action = AuditActionName.name(of: event.action)
      target = event.target.map { $0.name.isEmpty ? $0.id : $0.name } ?? ""
      ipAddress = event.ipAddress
      let reason = event.text("reason")
      self.reason = reason.isEmpty ? "" : AuditActionName.reason(reason)
      state = StatePill(event.outcome)
      account =
        event.accountId.isEmpty || !filter.account.isEmpty
        ? nil : filter.with(\.account, event.accountId).href
    }
  }

  static let path = "/administration/log"
  static let rowsPerPage: Int32 = 50

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/administration/log", .page) { exchange in
        let filter = WholeLogFilter(try exchange.parameters())
        return try await portal.forVisitor(exchange) { try await list(exchange, $0, filter) }
      }
    ]
  }

  private static let labels = [
    "accountId": "Account", "text": "Search", "since": "From", "until": "To", "pageToken": "Page",
  ]

  private func list(
    _ exchange: Exchange, _ visitor: Visitor, _ filter: WholeLogFilter
  ) async throws -> Response {
    var mistakes = filter.log.mistakes
    var events = AuditAPI.ListEventsResponse()
    if mistakes == nil {
      do {
        events = try await portal.services.audit.listEvents(
          filter.request(rows: Self.rowsPerPage), options: visitor.options(for: exchange))
      } catch {
        let problem = Problem(catching: error)
        guard let found = Mistakes(problem, labels: Self.labels) else { throw problem }
        mistakes = found
      }
    }
    let next = events.nextPageToken
    return portal.page(
      exchange, visitor, "whole-log",
      title: mistakes == nil ? "Everybody’s log" : "Error: everybody’s log",
      section: Self.path,
      [
        "mistakes": mistakes as Any, "rows": events.events.map { Row($0, filter) },
        "hasRows": !events.events.isEmpty, "isOfOne": !filter.account.isEmpty,
        "account": filter.account, "all": filter.with(\.account, "").href,
        "text": Field(
          "text", "Search", type: "search", value: filter.log.text, isOptional: true,
          isPlain: true, lengthMax: 100, mistakes: mistakes),
        "choices": [
          Choice(
            "action", "What", [("", "Anything")] + AuditActionName.choices,
            selected: filter.log.action),
          Choice(
            "outcome", "Outcome", AuditFilter.outcomes.map { ($0.value, $0.text) },
            selected: filter.log.outcome),
        ],
        "dates": [
          Field(
            "since", "From", type: "date", value: filter.log.since, isOptional: true,
            mistakes: mistakes),
          Field(
            "until", "To", type: "date", value: filter.log.until, isOptional: true,
            mistakes: mistakes),
        ],
        "pager": Pager(
          text: events.events.isEmpty ? "" : "\(events.events.count) entries on this page",
          first: filter.log.page.isEmpty ? nil : filter.with(\.log.page, "").href,
          older: next.isEmpty ? nil : filter.with(\.log.page, next).href),
      ], status: mistakes == nil ? .ok : .unprocessableContent)
  }
}

/// What the address of everybody's log says is to be shown: what one's own log knows, and whose.
struct WholeLogFilter: Sendable, Hashable {
  /// An account's id; empty for everybody.
  var account = ""
  var log: AuditFilter

  init(_ parameters: [(name: String, value: String)]) {
    log = AuditFilter(parameters)
    account = parameters.first { $0.name == "account" }?.value.trimmingBlanks() ?? ""
  }

  /// The same filter with one thing otherwise; another filter begins on its first page.
  func with(_ path: WritableKeyPath<WholeLogFilter, String>, _ value: String) -> WholeLogFilter {
    var other = self
    other.log.page = ""
    other[keyPath: path] = value
    return other
  }

  var href: String {
    let parameters = [
      ("account", account), ("action", log.action), ("outcome", log.outcome), ("text", log.text),
      ("since", log.since), ("until", log.until), ("page", log.page),
    ].filter { !$0.1.isEmpty }
    return WholeLogPage.path + (parameters.isEmpty ? "" : "?")
      + parameters.map { "\($0.0)=\(PercentCoding.encode($0.1))" }.joined(separator: "&")
  }

  func request(rows: Int32) -> AuditAPI.ListEventsRequest {
    var request = log.request(rows: rows)
    request.everyone = true
    request.accountId = account
    return request
  }
}
