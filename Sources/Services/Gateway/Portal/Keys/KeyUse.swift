import Backend
import Edge
import FoundationEssentials
import Protobuf
import RPC
import ServiceAPI

/// How often keys were used on the last days, today among them.
struct KeyUse: Sendable {
  /// Of one key, beside its name.
  struct Line: Sendable {
    let spark: String
    let requests: String
  }

  let range: DayRange
  private let counts: [AuditAPI.CountEventsResponse.Count]

  /// Nil when the log can't be asked, which must take no page with it.
  ///
  /// - Parameter key: The id of one alone; all of them without.
  init?(
    days: Int, key: String = "", _ exchange: Exchange, _ visitor: Visitor, _ portal: Portal
  ) async {
    let now = Int64(Date().timeIntervalSince1970)
    let zone = TimeZoneRules.shown
    let range = DayRange(
      lastDay: zone.startOfDay(Moment(secondsSinceEpoch: now).date) ?? now, count: days,
      zone: zone)
    let question = AuditAPI.CountEventsRequest(
      boundaries: range.boundaries.map { Timestamp(seconds: $0) }, action: Usage.action,
      targetId: key, byTarget: true)
    guard
      let answer = try? await portal.services.audit.countEvents(
        question, options: visitor.options(for: exchange))
    else { return nil }
    (self.range, counts) = (range, answer.counts)
  }

  func line(of key: String) -> Line {
    var days = Array(repeating: 0, count: range.count)
    for count in counts where count.targetId == key && days.indices.contains(Int(count.interval)) {
      days[Int(count.interval)] += Int(clamping: count.count)
    }
    return Line(spark: Sparkline(days).svg, requests: DayChart.grouped(days.reduce(0, +)))
  }

  /// Nil when there was no use.
  func chart(of key: String) -> DayChart? {
    var days = Array(repeating: [0, 0], count: range.count)
    for count in counts where count.targetId == key && days.indices.contains(Int(count.interval)) {
      days[Int(count.interval)][count.outcome == .success ? 0 : 1] += Int(clamping: count.count)
    }
    let filter = AuditFilter().with(\.key, key).with(\.action, Usage.action)
    let chart = DayChart(
      title: "Requests a day",
      series: [.init(name: "done", tone: 1), .init(name: "failed or refused", tone: 5)],
      days: zip(range.moments, days).map { moment, counts in
        DayChart.Day(
          name: moment.shortDay,
          href: filter.with(\.since, moment.date).with(\.until, moment.date).href, counts: counts)
      }, height: 110)
    return chart.isEmpty ? nil : chart
  }
}
