import Backend
import Edge
import HTTPTypes
import Providers
import ServiceAPI

/// The first page of whoever is logged in: what to do, what happened, what needs a look.
struct OverviewPage: Sendable {
  /// One of the first steps.
  struct Step: Sendable {
    let text: String
    let note: String
    let isDone: Bool
    let action: String
    let href: String
    let snippets: Snippets?
  }

  /// One thing that its owner should look at.
  struct Concern: Sendable {
    let logo: String?
    let text: String
    let note: String
    let action: String
    let href: String
  }

  static let section = "/"
  /// Failed log-ins of a week that are worth a word.
  private static let failedLogInsMin = 5
  /// Keys that the chart shows apart; more share one colour.
  private static let seriesMax = 3

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["POST"], "/overview/start", .page) { exchange in
        try await portal.forVisitorsForm(exchange, page: Self.section) { _, form in
          var response = portal.redirect(to: Self.section)
          let start = portal.cookies.start
          response.headers.append(
            cookie: form["show"].isEmpty
              ? start.setting("hidden", maxAgeSeconds: PortalCookies.preferenceCookieSeconds)
              : start.clearing())
          return response
        }
      }
    ]
  }

  func show(_ exchange: Exchange, _ visitor: Visitor) async -> Response {
    let overview = await Overview(exchange, visitor, portal.services)
    let names = await names(overview, exchange, visitor)
    let isHidden = portal.preferences(exchange).hidesStart
    let concerns = concerns(overview)
    let chart = chart(overview)
    let hasUses = overview.usesOf(overview.range.count) > 0
    let isStarting = overview.isStarting && !isHidden
    return portal.page(
      exchange, visitor, "overview", title: "Overview", section: Self.section,
      [
        "greeting": Self.greeting(visitor.account.displayName, at: overview.now),
        "start": (isStarting ? ["done": "\(overview.stepsDone)", "of": "3"] : nil) as Any,
        "isLive": isStarting, "steps": steps(overview),
        "isStartHidden": overview.isStarting && isHidden,
        "tiles": tiles(overview), "hasTiles": overview.hasKey || hasUses,
        "chart": (hasUses ? chart : nil) as Any,
        "isQuiet": overview.hasUse && !hasUses,
        "concerns": concerns, "hasConcerns": !concerns.isEmpty,
        "latest": (overview.latest ?? []).map { AuditEntry($0, names: names) },
        "hasLatest": overview.latest?.isEmpty == false, "isLogAway": overview.latest == nil,
      ], modules: isStarting ? [.live] : [], counts: ["/providers": overview.keysToLookAt.count])
  }

  private func names(
    _ overview: Overview, _ exchange: Exchange, _ visitor: Visitor
  ) async -> AuditNames {
    var names = AuditNames(
      tokens: overview.tokens ?? [], configs: overview.configs ?? [], catalogue: portal.catalogue)
    await names.findRevoked(in: overview.latest ?? [], exchange, visitor, portal)
    return names
  }

  private static func greeting(_ name: String, at now: Int64) -> String {
    let hour = (Int(now) + TimeZoneRules.shown.offset(at: now)) / 3_600 % 24
    let words =
      hour < 5
      ? "Good night" : hour < 12 ? "Good morning" : hour < 18 ? "Good afternoon" : "Good evening"
    return name.isEmpty ? words : "\(words), \(name)"
  }

  // MARK: Getting started

  private func steps(_ overview: Overview) -> [Step] {
    let key = overview.configs?.first
    let name = key.map { portal.name(of: $0) }
    return [
      Step(
        text: "Store a provider key",
        note: name ?? "It is sealed, and no page shows it again", isDone: overview.hasKey,
        action: overview.hasKey ? "See" : "Add a key",
        href: overview.hasKey ? "/providers" : "/providers/new", snippets: nil),
      Step(
        text: "Create an access token",
        note: overview.tokens?.first?.name
          ?? "One for each application, so that you can take it back",
        isDone: overview.hasToken, action: overview.hasToken ? "See" : "Create a token",
        href: "/access-tokens", snippets: nil),
      Step(
        text: "Send a first request",
        note: overview.hasUse ? "It has its receipt" : "This turns green by itself",
        isDone: overview.hasUse, action: overview.hasUse ? "Its receipt" : "How",
        href: overview.hasUse ? "/audit?action=credential.use" : "/connect",
        snippets: overview.hasKey && overview.hasToken && !overview.hasUse
          ? key.map {
            Snippets(origin: portal.publicOrigin, provider: $0.provider, label: $0.label)
          } : nil),
    ]
  }

  // MARK: Numbers

  private func tiles(_ overview: Overview) -> [Tile] {
    let (week, before) = (overview.usesOf(7), overview.usesOf(7, before: 7))
    let failed = overview.usesOf(7, failed: true)
    let away = "not available right now"
    return [
      overview.uses == nil
        ? Tile("Requests, 7 days", "–", note: away)
        : Tile("Requests, 7 days", DayChart.grouped(week), note: Self.change(week, before)),
      overview.uses == nil
        ? Tile("Failed, 7 days", "–", note: away)
        : Tile(
          "Failed, 7 days", DayChart.grouped(failed),
          note: week == 0 ? "of no requests" : "\(failed * 100 / max(week, 1)) % of the requests"),
      overview.configs.map { configs in
        Tile("Provider keys", DayChart.grouped(configs.count), note: Self.health(configs))
      } ?? Tile("Provider keys", "–", note: away),
      overview.tokens.map { tokens in
        let ending = overview.tokensEnding.count
        return Tile(
          "Access tokens", DayChart.grouped(tokens.count),
          note: tokens.isEmpty
            ? "none yet" : ending == 0 ? "none ends this week" : "\(ending) of them end this week")
      } ?? Tile("Access tokens", "–", note: away),
    ]
  }

  private static func change(_ week: Int, _ before: Int) -> String {
    guard before > 0 else { return week == 0 ? "none in 14 days" : "none in the week before" }
    guard week != before else { return "as in the week before" }
    let percent = abs(week - before) * 100 / before
    return "\(percent) % \(week > before ? "more" : "less") than in the week before"
  }

  private static func health(_ configs: [VaultAPI.ProviderConfig]) -> String {
    let states = configs.map { StatePill($0) }
    let numbers = [
      (states.count { $0.tone == StatePill.Tone.good.rawValue }, "work"),
      (states.count(where: \.needsAttention), "to look at"),
      (configs.count { !$0.enabled }, "disabled"),
    ]
    let parts = numbers.compactMap { $0.0 > 0 ? "\($0.0) \($0.1)" : nil }
    return parts.isEmpty
      ? (configs.isEmpty ? "none yet" : "not used yet") : parts.joined(separator: " · ")
  }

  private func chart(_ overview: Overview) -> DayChart {
    let configs = (overview.configs ?? []).sorted {
      overview.usesOf(key: $0.id) > overview.usesOf(key: $1.id)
    }
    let shown = configs.prefix(Self.seriesMax).filter { overview.usesOf(key: $0.id) > 0 }
    var series = shown.enumerated().map { index, config in
      DayChart.Series(name: portal.name(of: config), tone: index + 1)
    }
    let places = Dictionary(
      shown.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
    var counts = Array(
      repeating: Array(repeating: 0, count: shown.count + 1), count: overview.range.count)
    for part in overview.uses?.counts ?? [] where counts.indices.contains(Int(part.interval)) {
      counts[Int(part.interval)][places[part.targetId] ?? shown.count] += Int(clamping: part.count)
    }
    if counts.contains(where: { ($0.last ?? 0) > 0 }) {
      series.append(DayChart.Series(name: "other keys", tone: 4))
    }
    return DayChart(
      title: "Requests a day", series: series,
      days: zip(overview.range.moments, counts).map { moment, counts in
        DayChart.Day(
          name: moment.shortDay,
          href: "/audit?action=credential.use&since=\(moment.date)&until=\(moment.date)",
          counts: Array(counts.prefix(series.count)))
      })
  }

  // MARK: Needs attention

  private func concerns(_ overview: Overview) -> [Concern] {
    var concerns = overview.keysToLookAt.map { config in
      Concern(
        logo: portal.catalogue.logo(of: config.provider).svg, text: portal.name(of: config),
        note: Self.complaint(config.health), action: "Look at the key",
        href: "/providers/\(config.id)")
    }
    concerns += overview.tokensEnding.map { token in
      let end = token.expireTime.map { Moment($0).text } ?? ""
      return Concern(
        logo: nil, text: token.name, note: "This access token ends on \(end)",
        action: "Make another", href: "/access-tokens")
    }
    let failed = overview.failedLogInCount
    if failed >= Self.failedLogInsMin {
      concerns.append(
        Concern(
          logo: nil, text: "\(failed) failed log-ins in 7 days",
          note: "If that was not you, somebody is guessing your password", action: "See them",
          href: "/audit?action=session.create&outcome=failure"))
    }
    return concerns
  }

  private static func complaint(_ health: VaultAPI.KeyHealth?) -> String {
    let since = health?.lastAnswerTime.map { " since \(Moment($0).text)" } ?? ""
    return switch health?.lastStatus {
    case 402: "Out of credit\(since) (402)"
    case let status?: "Refused by the provider\(since) (\(status))"
    case nil: "Refused by the provider"
    }
  }
}

extension Portal {
  /// What pages call a key, e.g. `OpenAI, default`.
  func name(of config: VaultAPI.ProviderConfig) -> String {
    "\(catalogue.name(of: config.provider)), \(config.label)"
  }
}
