import Backend
import Edge
import Encodings
import HTTPTypes
import NIOCore

/// How often keys were used: a chart, a table, and a file for spreadsheets.
struct UsagePage: Sendable {
  /// A line of the table.
  struct Row: Sendable {
    let name: String
    let href: String?
    let requests: String
    let failed: String
    /// Of all requests, in percent.
    let share: String
    let spark: String
  }

  static let section = "/usage"
  private static let file = "/usage.csv"
  private static let ranges = [7, 14, 30, 90]
  private static let rangeDefault = 30
  /// Groups that the chart shows apart; the others share one colour.
  private static let seriesMax = 3
  private static let disposition = HTTPField.Name.fixed("content-disposition")

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], Self.section, .page) { exchange in
        let (grouping, days) = try Self.question(exchange)
        return try await portal.forVisitor(exchange) {
          try await show(exchange, $0, grouping, days)
        }
      },
      try Edge.Route(["GET"], Self.file, .page) { exchange in
        let (grouping, days) = try Self.question(exchange)
        return try await portal.forVisitor(exchange) { visitor in
          let usage = try await Usage(by: grouping, days: days, exchange, visitor, portal)
          return Self.table(usage, grouping)
        }
      },
    ]
  }

  /// What it doesn't know is as if nothing were asked.
  private static func question(_ exchange: Exchange) throws -> (Usage.Grouping, days: Int) {
    var (grouping, days) = (Usage.Grouping.key, rangeDefault)
    for (name, value) in try exchange.parameters() {
      switch name {
      case "by": grouping = Usage.Grouping(rawValue: value) ?? grouping
      case "days": days = Int(value).flatMap { ranges.contains($0) ? $0 : nil } ?? days
      default: break
      }
    }
    return (grouping, days)
  }

  private func show(
    _ exchange: Exchange, _ visitor: Visitor, _ grouping: Usage.Grouping, _ days: Int
  ) async throws -> Response {
    let usage = try await Usage(by: grouping, days: days, exchange, visitor, portal)
    let isEmpty = usage.groups.isEmpty
    return portal.page(
      exchange, visitor, "usage", title: "Usage", section: Self.section,
      [
        "choices": [
          Choice(
            "by", "By", Usage.Grouping.allCases.map { ($0.rawValue, $0.text) },
            selected: grouping.rawValue),
          Choice(
            "days", "Days", Self.ranges.map { ("\($0)", "\($0) days") }, selected: "\(days)"),
        ],
        "chart": (isEmpty ? nil : Self.chart(usage, grouping)) as Any, "isEmpty": isEmpty,
        "rows": usage.groups.map { Self.row($0, of: usage.total.total) },
        "total": Self.row(usage.total, of: usage.total.total), "by": grouping.text,
        "days": "\(days)", "isPartial": usage.isPartial,
        "file": "\(Self.file)?by=\(grouping.rawValue)&days=\(days)",
        "empty": EmptyState(
          .usage, "Nothing was used in these \(days) days",
          "Each request that a program makes with one of your keys is counted here.",
          action: "Point a program here", href: "/connect", isPrimary: false),
      ])
  }

  private static func row(_ group: Usage.Group, of total: Int) -> Row {
    Row(
      name: group.name, href: group.href, requests: DayChart.grouped(group.total),
      failed: DayChart.grouped(group.failedTotal),
      share: "\(group.total * 100 / max(total, 1)) %", spark: Sparkline(group.requests).svg)
  }

  private static func chart(_ usage: Usage, _ grouping: Usage.Grouping) -> DayChart {
    let shown = usage.groups.prefix(seriesMax)
    let others = usage.groups.dropFirst(seriesMax)
    var series = shown.enumerated().map { index, group in
      // What went wrong has a colour of its own.
      let isFailure = grouping == .outcome && group.failedTotal > 0
      return DayChart.Series(name: group.name, tone: isFailure ? 5 : index + 1)
    }
    if !others.isEmpty { series.append(DayChart.Series(name: "others", tone: 4)) }
    return DayChart(
      title: "Requests a day", series: series,
      days: usage.range.moments.enumerated().map { day, moment in
        let rest = others.isEmpty ? [] : [others.reduce(0) { $0 + $1.requests[day] }]
        return DayChart.Day(
          name: moment.shortDay,
          href: "/audit?action=\(Usage.action)&since=\(moment.date)&until=\(moment.date)",
          counts: shown.map { $0.requests[day] } + rest)
      })
  }

  // MARK: The file

  /// Comma-separated values (RFC 4180): a line for each day and group that has requests.
  private static func table(_ usage: Usage, _ grouping: Usage.Grouping) -> Response {
    var lines = ["day,\(grouping.rawValue),requests,failed"]
    for (day, moment) in usage.range.moments.enumerated() {
      for group in usage.groups where group.requests[day] > 0 {
        lines.append(
          "\(moment.date),\(cell(group.name)),\(group.requests[day]),\(group.failed[day])")
      }
    }
    let text = lines.map { $0 + "\r\n" }.joined()
    return Response(
      status: .ok,
      headers: [
        .contentType: "text/csv; charset=utf-8",
        disposition: "attachment; filename=\"chatelaine-usage.csv\"",
      ], body: .init(byteBuffer: ByteBuffer(string: text)))
  }

  /// A name as a cell. What a spreadsheet would take for a formula is marked as text.
  static func cell(_ text: String) -> String {
    let isFormula = text.utf8.first.map { "=+-@\t\r".utf8.contains($0) } ?? false
    let marked = isFormula ? "'" + text : text
    let quoted = marked.split(atByte: "\"", omittingEmpty: false).joined(separator: "\"\"")
    return "\"\(quoted)\""
  }
}
