import Edge
import Encodings
import Protobuf
import ServiceAPI

/// What the address of the log says is to be shown.
struct AuditFilter: Sendable, Hashable {
  static let outcomes: [(value: String, text: String, outcome: AuditAPI.AuditEvent.Outcome)] = [
    ("", "Any", .unspecified), ("success", "Done", .success), ("failure", "Failed", .failure),
    ("denied", "Refused", .denied),
  ]
  /// Days of the chart when no dates are asked for.
  static let daysDefault = 14
  static let daysMax = 92

  var action = ""
  var outcome = ""
  /// Ids of a token and of a key.
  var token = ""
  var key = ""
  var address = ""
  var text = ""
  var since = ""
  var until = ""
  var page = ""
  /// What the address asked for that there is not; it is left out.
  private(set) var unknown: [String] = []

  init() {}

  init(_ parameters: [(name: String, value: String)]) {
    for (name, value) in parameters {
      let value = value.trimmingBlanks()
      switch name {
      case "action" where AuditActionName.isKnown(value): action = value
      case "action": unknown.append(value)
      case "outcome" where Self.outcomes.contains(where: { $0.value == value }): outcome = value
      case "outcome": unknown.append(value)
      case "token": token = value
      case "key": key = value
      case "address": address = value
      case "text": text = value
      case "since": since = value
      case "until": until = value
      case "page": page = value
      default: break
      }
    }
  }

  var isEmpty: Bool {
    var other = self
    other.page = ""
    return other.parameters.isEmpty
  }

  /// The address of the log with this filter.
  var href: String {
    "/audit" + (parameters.isEmpty ? "" : "?")
      + parameters.map { "\($0.0)=\(PercentCoding.encode($0.1))" }.joined(separator: "&")
  }

  private var parameters: [(String, String)] {
    [
      ("action", action), ("outcome", outcome), ("token", token), ("key", key),
      ("address", address), ("text", text), ("since", since), ("until", until), ("page", page),
    ].filter { !$0.1.isEmpty }
  }

  /// The same filter with one thing otherwise, from its first page.
  func with(_ path: WritableKeyPath<AuditFilter, String>, _ value: String) -> AuditFilter {
    var other = self
    other.page = ""
    other[keyPath: path] = value
    return other
  }

  /// What is on, each with the address without it.
  func chips(_ names: AuditNames) -> [FilterChip] {
    let parts: [(WritableKeyPath<AuditFilter, String>, String)] = [
      (\.action, AuditActionName.name(of: action)),
      (\.outcome, Self.outcomes.first { $0.value == outcome }?.text ?? outcome),
      (\.token, "With \(names.token(token))"), (\.key, names.key(id: key)),
      (\.address, "From \(address)"), (\.text, "“\(text)”"), (\.since, "Since \(since)"),
      (\.until, "Until \(until)"),
    ]
    return parts.filter { !self[keyPath: $0.0].isEmpty }
      .map { FilterChip(text: $0.1, href: with($0.0, "").href) }
  }

  // MARK: Days

  /// What is wrong with the dates; nil when nothing is.
  var mistakes: Mistakes? {
    var items: [Mistakes.Item] = []
    let zone = TimeZoneRules.shown
    for (name, label, text) in [("since", "From", since), ("until", "To", until)]
    where !text.isEmpty && zone.startOfDay(text) == nil {
      items.append(.init(name, label: label, "must be a date such as 2026-01-31"))
    }
    if items.isEmpty, !since.isEmpty, !until.isEmpty, since > until {
      items.append(.init("since", label: "From", "is after To"))
    }
    return items.isEmpty ? nil : Mistakes(items: items)
  }

  /// Both days are meant inclusively.
  func request(rows: Int32) -> AuditAPI.ListEventsRequest {
    let zone = TimeZoneRules.shown
    return AuditAPI.ListEventsRequest(
      pageSize: rows, pageToken: page, action: action,
      outcome: Self.outcomes.first { $0.value == outcome }?.outcome ?? .unspecified,
      since: zone.startOfDay(since).map { Timestamp(seconds: $0) },
      until: zone.startOfDay(until).map { Timestamp(seconds: zone.dayAfter($0)) },
      credentialId: token, targetId: key, ipAddress: address, text: text)
  }

  func counting(_ days: DayRange) -> AuditAPI.CountEventsRequest {
    AuditAPI.CountEventsRequest(
      boundaries: days.boundaries.map { Timestamp(seconds: $0) }, action: action,
      outcome: Self.outcomes.first { $0.value == outcome }?.outcome ?? .unspecified,
      credentialId: token, targetId: key, ipAddress: address, text: text)
  }

  /// The days that the chart shows: those asked for, else the last two weeks.
  func days(now: Int64) -> DayRange {
    let zone = TimeZoneRules.shown
    let last = zone.startOfDay(until) ?? zone.startOfDay(Moment(secondsSinceEpoch: now).date) ?? now
    let count =
      zone.startOfDay(since).map { first in
        Int(exactly: ((Double(last - first) / 86_400).rounded())) ?? 0
      }.map { min(max($0 + 1, 1), Self.daysMax) } ?? Self.daysDefault
    return DayRange(lastDay: last, count: count, zone: zone)
  }
}

/// Consecutive days of one time zone.
struct DayRange: Sendable, Hashable {
  /// Each day's first second, and the last day's end.
  let boundaries: [Int64]

  /// `lastDay` is a day's first second.
  init(lastDay: Int64, count: Int, zone: TimeZoneRules) {
    var starts = [lastDay]
    while starts.count < count, let first = starts.last {
      // Noon of the day before, whatever the clocks did.
      let before = Moment(secondsSinceEpoch: first - 43_200, zone: zone).date
      guard let start = zone.startOfDay(before), start < first else { break }
      starts.append(start)
    }
    boundaries = starts.reversed() + [zone.dayAfter(lastDay)]
  }

  var count: Int { boundaries.count - 1 }

  /// The days, for people and for filters.
  var moments: [Moment] { boundaries.dropLast().map { Moment(secondsSinceEpoch: $0) } }
}

extension TimeZoneRules {
  /// The first second of the day behind the one that begins at `start`.
  func dayAfter(_ start: Int64) -> Int64 {
    let next = Moment(secondsSinceEpoch: start + 129_600, zone: self).date
    return startOfDay(next) ?? start + 86_400
  }
}
