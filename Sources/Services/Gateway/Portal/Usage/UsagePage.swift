import Backend
import Edge

/// How often keys were used and what that took: a chart, a table, and files for spreadsheets and
/// programs.
struct UsagePage: Sendable {
  /// What the chart shows.
  enum Measure: String, CaseIterable {
    case requests, tokens, cost

    var text: String {
      switch self {
      case .requests: "Requests"
      case .tokens: "Tokens"
      case .cost: "Cost"
      }
    }

    func amounts(of group: Usage.Group) -> [Int] {
      switch self {
      case .requests: group.requests
      case .tokens: group.taken.map(\.tokens)
      case .cost: group.taken.map(\.nanodollars)
      }
    }

    func text(of amount: Int) -> String {
      self == .cost ? Money.text(amount) : DayChart.grouped(amount)
    }
  }

  /// What is asked for.
  private struct Question {
    var grouping = Usage.Grouping.key
    var days = rangeDefault
    var measure = Measure.requests
  }

  /// A line of the table.
  struct Row: Sendable {
    let name: String
    let href: String?
    let requests: String
    let failed: String
    let input: String
    let output: String
    let cost: String
    /// Of all requests, in percent.
    let share: String
    let spark: String
  }

  static let section = "/usage"
  private static let file = "/usage.csv"
  private static let json = "/usage.json"
  private static let ranges = [7, 14, 30, 90]
  private static let rangeDefault = 30
  /// Groups that the chart shows apart; the others share one colour.
  private static let seriesMax = 3

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], Self.section, .page) { exchange in
        let question = try Self.question(exchange)
        return try await portal.forVisitor(exchange) { try await show(exchange, $0, question) }
      },
      try Edge.Route(["GET"], Self.file, .page) { try await file($0, UsageFile.csv) },
      try Edge.Route(["GET"], Self.json, .page) { try await file($0, UsageFile.json) },
    ]
  }

  private func file(
    _ exchange: Exchange, _ make: @escaping @Sendable (UsageFile) -> Response
  ) async throws -> Response {
    let question = try Self.question(exchange)
    return try await portal.forVisitor(exchange) { visitor in
      make(
        UsageFile(
          usage: try await Usage(
            by: question.grouping, days: question.days, exchange, visitor, portal),
          grouping: question.grouping))
    }
  }

  /// What it doesn't know is as if nothing were asked.
  private static func question(_ exchange: Exchange) throws -> Question {
    var question = Question()
    for (name, value) in try exchange.parameters() {
      switch name {
      case "by": question.grouping = Usage.Grouping(rawValue: value) ?? question.grouping
      case "show": question.measure = Measure(rawValue: value) ?? question.measure
      case "days":
        question.days =
          Int(value).flatMap { ranges.contains($0) ? $0 : nil } ?? question.days
      default: break
      }
    }
    return question
  }

  private func show(
    _ exchange: Exchange, _ visitor: Visitor, _ question: Question
  ) async throws -> Response {
    let (grouping, days) = (question.grouping, question.days)
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
          Choice(
            "show", "Show", Measure.allCases.map { ($0.rawValue, $0.text) },
            selected: question.measure.rawValue),
        ],
        "chart": (isEmpty ? nil : Self.chart(usage, question)) as Any, "isEmpty": isEmpty,
        "measure": question.measure.text,
        "rows": usage.groups.map { Self.row($0, of: usage.total.total) },
        "total": Self.row(usage.total, of: usage.total.total), "by": grouping.text,
        "days": "\(days)", "isPartial": usage.isPartial,
        "file": "\(Self.file)?by=\(grouping.rawValue)&days=\(days)",
        "json": "\(Self.json)?by=\(grouping.rawValue)&days=\(days)",
        "empty": EmptyState(
          .usage, "Nothing was used in these \(days) days",
          "Each request that a program makes with one of your keys is counted here.",
          action: "Point a program here", href: "/connect", isPrimary: false),
      ])
  }

  private static func row(_ group: Usage.Group, of total: Int) -> Row {
    let taken = group.takenTotal
    return Row(
      name: group.name, href: group.href, requests: DayChart.grouped(group.total),
      failed: DayChart.grouped(group.failedTotal), input: taken.tokenText(\.input),
      output: taken.tokenText(\.output), cost: taken.costText,
      share: "\(group.total * 100 / max(total, 1)) %", spark: Sparkline(group.requests).svg)
  }

  private static func chart(_ usage: Usage, _ question: Question) -> DayChart {
    let measure = question.measure
    let shown = usage.groups.prefix(seriesMax)
    let others = usage.groups.dropFirst(seriesMax)
    var series = shown.enumerated().map { index, group in
      // What went wrong has a colour of its own.
      let isFailure = question.grouping == .outcome && group.failedTotal > 0
      return DayChart.Series(name: group.name, tone: isFailure ? 5 : index + 1)
    }
    if !others.isEmpty { series.append(DayChart.Series(name: "others", tone: 4)) }
    return DayChart(
      title: "\(measure.text) a day", series: series,
      days: usage.range.moments.enumerated().map { day, moment in
        let rest = others.isEmpty ? [] : [others.reduce(0) { $0 + measure.amounts(of: $1)[day] }]
        return DayChart.Day(
          name: moment.shortDay,
          href: "/audit?action=\(Usage.action)&since=\(moment.date)&until=\(moment.date)",
          counts: shown.map { measure.amounts(of: $0)[day] } + rest)
      }, text: measure.text(of:))
  }
}
