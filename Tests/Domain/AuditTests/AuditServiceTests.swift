import Audit
import FoundationEssentials
import Identity
import Receipts
import Testing
import UseCases

@Suite struct AuditServiceTests {
  private let store = InMemoryAuditStore()
  private let owner = UserID(UUID())
  private var caller: Caller {
    Caller(userID: owner, email: "owner@example.org", credential: .session(UUID()))
  }
  private var audit: AuditService { AuditService(store: store) }

  private func reader(_ role: Role) -> Caller {
    Caller(
      userID: UserID(UUID()), email: "reader@example.org", credential: .session(UUID()),
      role: role)
  }

  @Test func anAuditorReadsTheWholeLogAndThatIsInIt() async throws {
    let (nobody, other) = (AuditEvent.sample(account: owner), UserID(UUID()))
    _ = try await audit.append([nobody, .sample(account: other)], by: "vault")
    let auditor = reader(.auditor)
    let all = try await audit.page(
      of: EventQuery(reach: .everybody), size: 0, token: "", for: auditor, from: CallOrigin())
    #expect(all.elements.count == 2)
    let theirs = try await audit.page(
      of: EventQuery(reach: .account(other)), size: 0, token: "", for: auditor,
      from: CallOrigin())
    #expect(theirs.elements.map(\.event.accountID) == [other])
    let readings = store.all.map(\.event).filter { $0.action == "audit-event.list-all" }
    // The second is in the log of whose log was read.
    #expect(readings.map(\.accountID) == [auditor.userID, other])
    #expect(readings.allSatisfy { $0.actor.name == "reader@example.org" })
  }

  @Test func nobodyElseDoesAndTheRefusalIsRecorded() async throws {
    for caller in [
      reader(.user),
      Caller(
        userID: owner, email: "owner@example.org", credential: .accessToken(UUID()),
        scopes: Scopes([.readAudit]), role: .admin),
    ] {
      await #expect(throws: AuditError.self) {
        try await audit.page(
          of: EventQuery(reach: .everybody), size: 0, token: "", for: caller, from: CallOrigin())
      }
    }
    #expect(store.all.map(\.event.outcome) == [.denied, .denied])
  }

  @Test func anEventIsKeptOnceHoweverOftenItIsDelivered() async throws {
    let event = AuditEvent.sample(account: owner)
    #expect(try await audit.append([event, event], by: "vault") == 1)
    #expect(try await audit.append([event, .sample(account: owner)], by: "vault") == 1)
    #expect(store.all.map(\.sequence) == [1, 2])
  }

  @Test func oneBadEventNamesItsPlaceAndNothingIsKept() async throws {
    var bad = AuditEvent.sample(account: owner)
    bad.userAgent = String(repeating: "x", count: AuditEvent.textBytesMax + 1)
    let problem = EventProblem("userAgent", "is longer than 512 bytes")
    await #expect(throws: AuditError.invalidEvent(index: 1, problem)) {
      try await audit.append([.sample(account: owner), bad], by: "vault")
    }
    #expect(store.all.isEmpty)
  }

  @Test(arguments: ["", "Provider", "a b", "x\u{0}", String(repeating: "a", count: 65)])
  func whatIsNoActionIsRefused(action: String) async {
    await #expect(throws: AuditError.self) {
      try await audit.append([.sample(account: owner, action: action)], by: "vault")
    }
  }

  @Test func textWithNULIsRefusedForTheDatabaseCannotHoldIt() async {
    var inName = AuditEvent.sample(account: owner)
    inName.actor.name = "a\u{0}b"
    var inDetails = AuditEvent.sample(account: owner)
    inDetails.details = #"{"a":"\u0000"}"#
    var behindABackslash = AuditEvent.sample(account: owner)
    behindABackslash.details = #"{"a":"\\\u0000"}"#
    for event in [inName, inDetails, behindABackslash] {
      await #expect(throws: AuditError.self) { try await audit.append([event], by: "vault") }
    }
  }

  @Test(arguments: [#"{"a":"\\u0000"}"#, #"{"a":"u0000"}"#, #"{"a":"\\\\u0000"}"#])
  func theTextOfItsEscapeIsNoNUL(details: String) async throws {
    var event = AuditEvent.sample(account: owner)
    event.details = details
    #expect(try await audit.append([event], by: "vault") == 1)
  }

  @Test func intervalsMustAscendAndBeFew() async {
    let start = Date(timeIntervalSince1970: 1_700_000_000)
    let many = (0...AuditService.intervalsMax + 1).map { start + Double($0) }
    for boundaries in [[], [start], [start, start], [start + 1, start], many] {
      await #expect(throws: AuditError.self) {
        try await audit.counts(
          of: EventQuery(), between: boundaries, by: .none, for: caller, from: CallOrigin())
      }
    }
  }

  @Test func filtersThatNothingCouldMatchAreRefused() async {
    var (long, withNUL) = (EventQuery(), EventQuery())
    long.text = String(repeating: "x", count: EventQuery.textBytesMax + 1)
    withNUL.ipAddress = "1\u{0}"
    for query in [long, withNUL] {
      await #expect(throws: AuditError.self) {
        try await audit.page(of: query, size: 0, token: "", for: caller, from: CallOrigin())
      }
    }
  }

  @Test func tooManyEventsAreRefused() async {
    let events = (0...AuditService.batchEventsMax).map { _ in AuditEvent.sample(account: owner) }
    await #expect(throws: AuditError.invalid(.events, reason: "holds more than 500 events")) {
      try await audit.append(events, by: "vault")
    }
  }

  @Test func pagesHoldEveryEventOnceNewestFirst() async throws {
    let events = (0..<25).map { AuditEvent.sample(account: owner, minute: $0 / 3) }
    _ = try await audit.append(events, by: "vault")
    var seen: [Int64] = []
    var token = ""
    repeat {
      let page = try await audit.page(
        of: EventQuery(), size: 4, token: token, for: caller, from: CallOrigin())
      seen += page.elements.map(\.sequence)
      token = page.nextPageToken ?? ""
    } while !token.isEmpty
    #expect(seen == (1...25).reversed())
  }

  @Test func aLateDeliveryShowsWhereItBelongs() async throws {
    let newer = AuditEvent.sample(account: owner, minute: 9)
    let older = AuditEvent.sample(account: owner, minute: 1)
    _ = try await audit.append([newer], by: "vault")
    _ = try await audit.append([older], by: "vault")
    let page = try await audit.page(
      of: EventQuery(), size: 0, token: "", for: caller, from: CallOrigin())
    #expect(page.elements.map(\.event.id) == [newer.id, older.id])
  }

  @Test func nobodySeesAnothersEvents() async throws {
    _ = try await audit.append(
      [.sample(account: UserID(UUID())), .sample(account: owner)], by: "vault")
    let page = try await audit.page(
      of: EventQuery(), size: 0, token: "", for: caller, from: CallOrigin())
    #expect(page.elements.map(\.event.accountID) == [owner])
  }

  @Test func filtersNarrowTheList() async throws {
    _ = try await audit.append(
      [
        .sample(account: owner, action: "session.create", outcome: .failure, minute: 1),
        .sample(account: owner, action: "session.create", minute: 2),
        .sample(account: owner, action: "session.delete", minute: 3),
        .sample(account: owner, action: "sessions.x", minute: 4),
      ], by: "vault")
    func count(_ change: (inout EventQuery) throws -> Void) async throws -> Int {
      var query = EventQuery()
      try change(&query)
      return try await audit.page(of: query, size: 0, token: "", for: caller, from: CallOrigin())
        .elements.count
    }
    #expect(try await count { $0.action = try ActionFilter.parse("session.create") } == 2)
    #expect(try await count { $0.action = try ActionFilter.parse("session.*") } == 3)
    #expect(try await count { $0.action = try ActionFilter.parse("") } == 4)
    #expect(try await count { $0.outcome = .failure } == 1)
    let start = 1_700_000_000.0
    #expect(
      try await count {
        $0.since = Date(timeIntervalSince1970: start + 120)
        $0.until = Date(timeIntervalSince1970: start + 240)
      } == 2)
  }

  @Test(arguments: ["x", "00", "zz", String(repeating: "0", count: 50), "é"])
  func aForeignPageTokenIsRefused(token: String) async {
    await #expect(
      throws: AuditError.invalid(.pageToken, reason: "is not a page token of this service")
    ) {
      try await audit.page(of: EventQuery(), size: 1, token: token, for: caller, from: CallOrigin())
    }
  }

  @Test func aPageTokenOfOtherFiltersIsRefused() async throws {
    _ = try await audit.append((0..<3).map { .sample(account: owner, minute: $0) }, by: "vault")
    let first = try await audit.page(
      of: EventQuery(), size: 1, token: "", for: caller, from: CallOrigin())
    let token = try #require(first.nextPageToken)
    for other in [
      EventQuery(outcome: .failure),
      EventQuery(action: .exactly("a")),
    ] {
      await #expect(
        throws: AuditError.invalid(.pageToken, reason: "belongs to a list with other filters")
      ) { try await audit.page(of: other, size: 1, token: token, for: caller, from: CallOrigin()) }
    }
  }

  @Test(arguments: [-1, 201, Int.max])
  func aPageSizeOutOfRangeIsRefused(size: Int) async {
    await #expect(throws: AuditError.self) {
      try await audit.page(of: EventQuery(), size: size, token: "", for: caller, from: CallOrigin())
    }
  }

  @Test func aTimeRangeTheWrongWayRoundIsRefused() async {
    let query = EventQuery(
      since: Date(timeIntervalSince1970: 2),
      until: Date(timeIntervalSince1970: 1))
    await #expect(throws: AuditError.self) {
      try await audit.page(of: query, size: 0, token: "", for: caller, from: CallOrigin())
    }
  }

  @Test func aTokenReadsTheLogOnlyWithItsScopeAndTheRefusalIsInTheLog() async throws {
    func reader(_ scopes: Scope...) -> Caller {
      Caller(
        userID: owner, email: "owner@example.org", credential: .accessToken(UUID()),
        scopes: Scopes(scopes))
    }
    await #expect(throws: AuditError.denied(.missingScope)) {
      try await audit.page(
        of: EventQuery(), size: 0, token: "", for: reader(.use, .manage), from: CallOrigin())
    }
    let page = try await audit.page(
      of: EventQuery(), size: 0, token: "", for: reader(.readAudit), from: CallOrigin())
    let event = try #require(page.elements.first?.event)
    #expect(event.action == "audit-event.list")
    #expect(event.outcome == .denied)
    #expect(event.source == "audit")
    #expect(event.details.contains(#""reason":"missing-scope""#))
    try event.check()
  }

  @Test(arguments: ["gateway", "operator", "unknown", "audit"])
  func onlyTheServicesThatOwnReceiptsAppend(_ service: String) async throws {
    await #expect(throws: AuditError.denied(.wrongCredential)) {
      try await audit.append([.sample(account: owner)], by: service)
    }
    #expect(store.all.map(\.event.outcome) == [.denied])
    #expect(store.all.map(\.event.actor.type) == ["service"])
  }
}
