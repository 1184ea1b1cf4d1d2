import Backend
import Edge
import FoundationEssentials
import Protobuf
import Providers
import RPC
import ServiceAPI

/// How often keys were used and what that took, day by day, in groups: what the log can count.
struct Usage: Sendable {
  enum Grouping: String, Sendable, CaseIterable {
    case key, provider, model, token, outcome

    var text: String {
      switch self {
      case .key: "Key"
      case .provider: "Provider"
      case .model: "Model"
      case .token: "Access token"
      case .outcome: "Outcome"
      }
    }
  }

  struct Group: Sendable {
    let name: String
    /// The requests themselves, in the log; nil where no filter finds just them.
    let href: String?
    /// Of each day.
    var requests: [Int]
    /// Of those, the ones whose end was not a success.
    var failed: [Int]
    /// Tokens and costs of each day.
    var taken: [Taken]

    var total: Int { requests.reduce(0, +) }
    var failedTotal: Int { failed.reduce(0, +) }
    var takenTotal: Taken { taken.reduce(into: Taken()) { $0.add($1) } }

    init(_ name: String, href: String? = nil, days: Int) {
      (self.name, self.href) = (name, href)
      requests = Array(repeating: 0, count: days)
      failed = requests
      taken = Array(repeating: Taken(), count: days)
    }

    mutating func add(_ count: AuditAPI.CountEventsResponse.Count) {
      let day = Int(count.interval)
      guard requests.indices.contains(day) else { return }
      requests[day] += Int(clamping: count.count)
      if count.outcome != .success { failed[day] += Int(clamping: count.count) }
      taken[day].add(Taken(count))
    }

    mutating func subtract(_ other: Group) {
      for day in requests.indices {
        requests[day] -= other.requests[day]
        failed[day] -= other.failed[day]
        taken[day].subtract(other.taken[day])
      }
    }
  }

  static let action = "credential.use"
  /// Tokens that are asked about one by one: those that were used last.
  static let tokensMax = 12
  private static let rows: Int32 = 200

  let range: DayRange
  /// The largest first.
  let groups: [Group]
  let total: Group
  /// The log holds more than it counts at once.
  let isPartial: Bool

  /// Throws when the log can't be asked.
  init(
    by grouping: Grouping, days: Int, _ exchange: Exchange, _ visitor: Visitor, _ portal: Portal
  ) async throws {
    let now = Int64(Date().timeIntervalSince1970)
    let zone = TimeZoneRules.shown
    let range = DayRange(
      lastDay: zone.startOfDay(Moment(secondsSinceEpoch: now).date) ?? now, count: days,
      zone: zone)
    var question = AuditAPI.CountEventsRequest(
      boundaries: range.boundaries.map { Timestamp(seconds: $0) }, action: Self.action)
    question.byTarget = grouping == .key || grouping == .provider
    question.byModel = grouping == .model
    let answer = try await portal.services.audit.countEvents(
      question, options: visitor.options(for: exchange))
    var total = Group("All", days: range.count)
    for count in answer.counts { total.add(count) }
    let groups =
      switch grouping {
      case .key, .provider:
        try await Self.byKey(
          answer, range, exchange, visitor, portal, together: grouping == .provider)
      case .model: Self.byModel(answer, range)
      case .token: try await Self.byToken(question, total, range, exchange, visitor, portal)
      case .outcome: Self.byOutcome(total, range)
      }
    self.range = range
    self.total = total
    isPartial = answer.isPartial
    self.groups = groups.filter { $0.total > 0 }.sorted { $0.total > $1.total }
  }

  private static func byKey(
    _ answer: AuditAPI.CountEventsResponse, _ range: DayRange, _ exchange: Exchange,
    _ visitor: Visitor, _ portal: Portal, together: Bool
  ) async throws -> [Group] {
    let configs = Dictionary(
      try await KeyListPage(portal: portal).all(exchange, visitor).map { ($0.id, $0) }
    ) { first, _ in first }
    var groups: [String: Group] = [:]
    for count in answer.counts {
      let config = configs[count.targetId]
      let (id, name, href) =
        switch config {
        case let config? where together:
          (config.provider, portal.catalogue.name(of: config.provider), String?.none)
        case let config?:
          (config.id, portal.name(of: config), AuditFilter().with(\.key, config.id).href)
        case nil where portal.catalogue.provider(id: count.targetId) != nil:
          // The operator's key, whose uses are told by its provider.
          (
            together ? count.targetId : "\(count.targetId)/operator",
            portal.catalogue.name(of: count.targetId) + (together ? "" : ", the operator's"), nil
          )
        case nil: ("", "Deleted keys", nil)
        }
      groups[id, default: Group(name, href: href, days: range.count)].add(count)
    }
    return Array(groups.values)
  }

  private static func byModel(
    _ answer: AuditAPI.CountEventsResponse, _ range: DayRange
  ) -> [Group] {
    var groups: [String: Group] = [:]
    for count in answer.counts {
      let name = count.model.isEmpty ? "Unknown model" : count.model
      groups[count.model, default: Group(name, days: range.count)].add(count)
    }
    return Array(groups.values)
  }

  private static func byToken(
    _ question: AuditAPI.CountEventsRequest, _ total: Group, _ range: DayRange,
    _ exchange: Exchange, _ visitor: Visitor, _ portal: Portal
  ) async throws -> [Group] {
    let options = visitor.options(for: exchange)
    let tokens = try await portal.services.auth.listAccessTokens(
      AuthAPI.ListAccessTokensRequest(pageSize: rows, pageToken: ""), options: options
    ).accessTokens.filter { $0.lastUseTime != nil }
      .sorted { ($0.lastUseTime?.seconds ?? 0) > ($1.lastUseTime?.seconds ?? 0) }
      .prefix(tokensMax)
    var others = total
    let groups = try await withThrowingTaskGroup(of: Group.self) { tasks in
      for token in tokens {
        tasks.addTask {
          var question = question
          question.credentialId = token.id
          let answer = try await portal.services.audit.countEvents(question, options: options)
          var group = Group(
            token.name, href: AuditFilter().with(\.token, token.id).href, days: range.count)
          for count in answer.counts { group.add(count) }
          return group
        }
      }
      return try await tasks.reduce(into: [Group]()) { $0.append($1) }
    }
    for group in groups { others.subtract(group) }
    var rest = Group("Other and revoked tokens", days: range.count)
    (rest.requests, rest.failed, rest.taken) = (others.requests, others.failed, others.taken)
    return groups + [rest]
  }

  private static func byOutcome(_ total: Group, _ range: DayRange) -> [Group] {
    // What a day took isn't known apart for those that failed.
    var (done, failed) = (
      Group("Done", href: "/audit?action=\(action)&outcome=success", days: range.count),
      Group("Failed or refused", href: "/audit?action=\(action)&outcome=failure", days: range.count)
    )
    done.requests = zip(total.requests, total.failed).map { $0 - $1 }
    (failed.requests, failed.failed) = (total.failed, total.failed)
    return [done, failed]
  }
}
