import Backend
import Edge
import FoundationEssentials
import Protobuf
import RPC
import ServiceAPI

/// What the services know about an account, as far as each of them answers now.
struct Overview: Sendable {
  /// Days of the chart; the tiles compare its two weeks.
  static let days = 14
  private static let rows: Int32 = 200
  static let latestCount = 5
  /// Entries that the latest are taken from: a use leaves two, and the first says less.
  private static let latestRows: Int32 = 15

  /// Nil where the service could not be asked.
  let configs: [VaultAPI.ProviderConfig]?
  let tokens: [AuthAPI.AccessToken]?
  let uses: AuditAPI.CountEventsResponse?
  /// Failed log-ins of the chart's days.
  let failedLogIns: AuditAPI.CountEventsResponse?
  let latest: [AuditAPI.AuditEvent]?
  let range: DayRange
  let now: Int64

  /// Asks all of them at once.
  init(_ exchange: Exchange, _ visitor: Visitor, _ services: Services) async {
    let options = visitor.options(for: exchange)
    now = Int64(Date().timeIntervalSince1970)
    let zone = TimeZoneRules.shown
    let today = zone.startOfDay(Moment(secondsSinceEpoch: now).date) ?? now
    let range = DayRange(lastDay: today, count: Self.days, zone: zone)
    let boundaries = range.boundaries.map { Timestamp(seconds: $0) }
    async let configs = try? services.vault.listProviderConfigs(
      VaultAPI.ListProviderConfigsRequest(pageSize: Self.rows, pageToken: ""), options: options)
    async let tokens = try? services.auth.listAccessTokens(
      AuthAPI.ListAccessTokensRequest(pageSize: Self.rows, pageToken: ""), options: options)
    async let uses = try? services.audit.countEvents(
      AuditAPI.CountEventsRequest(
        boundaries: boundaries, action: "credential.use", byTarget: true), options: options)
    async let failedLogIns = try? services.audit.countEvents(
      AuditAPI.CountEventsRequest(
        boundaries: boundaries, action: "session.create", outcome: .failure), options: options)
    async let latest = try? services.audit.listEvents(
      AuditAPI.ListEventsRequest(pageSize: Self.latestRows), options: options)
    self.range = range
    self.configs = await configs?.providerConfigs
    self.tokens = await tokens?.accessTokens
    self.uses = await uses
    self.failedLogIns = await failedLogIns
    let events = await latest?.events
    self.latest = events.map { events in
      Array(events.filter { !$0.isOpening }.prefix(Self.latestCount))
    }
  }

  // MARK: Getting started

  var hasKey: Bool { configs?.isEmpty == false }
  var hasToken: Bool { tokens?.isEmpty == false }
  /// Whether any key was ever used.
  var hasUse: Bool {
    configs?.contains { $0.lastUseTime != nil } == true || usesOf(range.count) > 0
  }
  /// Nobody is told to begin who has begun, or of whom it isn't known.
  var isStarting: Bool { configs != nil && tokens != nil && !(hasKey && hasToken && hasUse) }
  var stepsDone: Int { [hasKey, hasToken, hasUse].count { $0 } }

  // MARK: Numbers

  /// Uses of the last `count` days, today's among them.
  func usesOf(_ count: Int, before skipped: Int = 0, failed: Bool = false) -> Int {
    let end = range.count - skipped
    return (uses?.counts ?? []).reduce(0) { sum, part in
      let isInside = (max(0, end - count)..<end).contains(Int(part.interval))
      return isInside && (!failed || part.outcome != .success)
        ? sum + Int(clamping: part.count) : sum
    }
  }

  var keysToLookAt: [VaultAPI.ProviderConfig] {
    (configs ?? []).filter { StatePill($0).needsAttention }
  }

  func usesOf(key id: String) -> Int {
    (uses?.counts ?? []).reduce(0) { $1.targetId == id ? $0 + Int(clamping: $1.count) : $0 }
  }

  static let endingSeconds: Int64 = 7 * 86_400

  /// Tokens that end within a week.
  var tokensEnding: [AuthAPI.AccessToken] {
    (tokens ?? []).filter { token in
      token.expireTime.map { (now...(now + Self.endingSeconds)).contains($0.seconds) } ?? false
    }
  }

  /// Of the last seven days.
  var failedLogInCount: Int {
    (failedLogIns?.counts ?? []).reduce(0) { sum, part in
      Int(part.interval) >= range.count - 7 ? sum + Int(clamping: part.count) : sum
    }
  }
}
