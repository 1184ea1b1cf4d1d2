import Backend
import Edge
import Encodings
import FoundationEssentials
import HTTPTypes
import HummingbirdCore
import Protobuf
import RPC
import ServiceAPI

/// The page on which people read what happened.
struct AuditPage: Sendable {
  /// What the filters of the page say.
  private struct Filter {
    var action = ""
    var outcome = ""
    var since = ""
    var until = ""
    var page = ""

    init(_ parameters: [(name: String, value: String)]) {
      for (name, value) in parameters {
        switch name {
        case "action": action = value
        case "outcome": outcome = value
        case "since": since = value
        case "until": until = value
        case "page": page = value
        default: break
        }
      }
    }

    /// The address of the same log from `page` on.
    func address(page: String) -> String {
      let parameters = [
        ("action", action), ("outcome", outcome), ("since", since), ("until", until),
        ("page", page),
      ].filter { !$0.1.isEmpty }
      return "/audit" + (parameters.isEmpty ? "" : "?")
        + parameters.map { "\($0.0)=\(PercentCoding.encode($0.1))" }.joined(separator: "&")
    }
  }

  static let section = "/audit"
  static let rowsPerPage: Int32 = 50
  private static let secondsPerDay: Double = 86_400

  private static let outcomes:
    [(value: String, text: String, outcome: AuditAPI.AuditEvent.Outcome)] = [
      ("", "Any", .unspecified), ("success", "Done", .success), ("failure", "Failed", .failure),
      ("denied", "Refused", .denied),
    ]

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [try Edge.Route(["GET"], "/audit", .page) { try await show($0) }]
  }

  private func show(_ exchange: Exchange) async throws -> Response {
    let filter = Filter(try exchange.parameters())
    return try await portal.forVisitor(exchange) { visitor in
      let (since, until, mistakes) = Self.days(filter)
      var events = AuditAPI.ListEventsResponse()
      var mistake = mistakes
      if mistake == nil {
        do {
          events = try await portal.services.audit.listEvents(
            AuditAPI.ListEventsRequest(
              pageSize: Self.rowsPerPage, pageToken: filter.page, action: filter.action,
              outcome: Self.outcomes.first { $0.value == filter.outcome }?.outcome ?? .unspecified,
              since: since, until: until),
            options: visitor.options(for: exchange))
        } catch {
          let problem = Problem(catching: error)
          guard let found = Mistakes(problem, labels: [:]) else { throw problem }
          mistake = found
        }
      }
      return page(exchange, visitor, filter, events, mistake)
    }
  }

  private func page(
    _ exchange: Exchange, _ visitor: Visitor, _ filter: Filter,
    _ events: AuditAPI.ListEventsResponse, _ mistakes: Mistakes?
  ) -> Response {
    let rows = events.events.map { AuditRow($0) }
    let next = events.nextPageToken
    return portal.page(
      exchange, visitor, "audit", title: "Audit log", section: Self.section,
      [
        "mistakes": mistakes as Any, "rows": rows, "hasRows": !rows.isEmpty,
        "actionFilter": Choice(
          "action", "Action", [("", "Any")] + AuditActionName.choices, selected: filter.action),
        "outcomeFilter": Choice(
          "outcome", "Outcome", Self.outcomes.map { ($0.value, $0.text) },
          selected: filter.outcome),
        "since": Field(
          "since", "From", type: "date", value: filter.since, isOptional: true,
          mistakes: mistakes),
        "until": Field(
          "until", "To", type: "date", value: filter.until, isOptional: true, mistakes: mistakes),
        "newest": (filter.page.isEmpty ? nil : filter.address(page: "")) as Any,
        "nextPage": (next.isEmpty ? nil : filter.address(page: next)) as Any,
      ], status: mistakes == nil ? .ok : .unprocessableContent)
  }

  /// Both days are meant inclusively, in UTC.
  private static func days(_ filter: Filter) -> (Timestamp?, Timestamp?, Mistakes?) {
    var wrong: [Mistakes.Item] = []
    func day(_ text: String, _ name: String, _ label: String) -> Date? {
      guard !text.isEmpty else { return nil }
      let date = TimeZoneRules.shown.startOfDay(text)
        .map { Date(timeIntervalSince1970: Double($0)) }
      if date == nil {
        wrong.append(.init(name, label: label, "must be a date such as 2026-01-31"))
      }
      return date
    }
    let since = day(filter.since, "since", "From")
    let until = day(filter.until, "until", "To")
    return (
      since.map { Timestamp($0) }, until.map { Timestamp($0.addingTimeInterval(secondsPerDay)) },
      wrong.isEmpty ? nil : Mistakes(items: wrong)
    )
  }
}
