import Audit
import FoundationEssentials
import Identity
import Testing

@Suite struct AuditServiceTests {
  private let store = InMemoryAuditStore()
  private let owner = UserID(UUID())
  private var audit: AuditService { AuditService(store: store) }

  @Test func anEventIsKeptOnceHoweverOftenItIsDelivered() async throws {
    let event = AuditEvent.sample(account: owner)
    #expect(try await audit.append([event, event]) == 1)
    #expect(try await audit.append([event, .sample(account: owner)]) == 1)
    #expect(store.all.map(\.sequence) == [1, 2])
  }

  @Test func oneBadEventNamesItsPlaceAndNothingIsKept() async throws {
    var bad = AuditEvent.sample(account: owner)
    bad.userAgent = String(repeating: "x", count: AuditEvent.textBytesMax + 1)
    let problem = EventProblem("userAgent", "is longer than 512 bytes")
    await #expect(throws: AuditError.invalidEvent(index: 1, problem)) {
      try await audit.append([.sample(account: owner), bad])
    }
    #expect(store.all.isEmpty)
  }

  @Test(arguments: ["", "Provider", "a b", "x\u{0}", String(repeating: "a", count: 65)])
  func whatIsNoActionIsRefused(action: String) async {
    await #expect(throws: AuditError.self) {
      try await audit.append([.sample(account: owner, action: action)])
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
      await #expect(throws: AuditError.self) { try await audit.append([event]) }
    }
  }

  @Test(arguments: [#"{"a":"\\u0000"}"#, #"{"a":"u0000"}"#, #"{"a":"\\\\u0000"}"#])
  func theTextOfItsEscapeIsNoNUL(details: String) async throws {
    var event = AuditEvent.sample(account: owner)
    event.details = details
    #expect(try await audit.append([event]) == 1)
  }

  @Test func tooManyEventsAreRefused() async {
    let events = (0...AuditService.batchEventsMax).map { _ in AuditEvent.sample(account: owner) }
    await #expect(throws: AuditError.invalid(.events, reason: "holds more than 500 events")) {
      try await audit.append(events)
    }
  }

  @Test func pagesHoldEveryEventOnceNewestFirst() async throws {
    let events = (0..<25).map { AuditEvent.sample(account: owner, minute: $0 / 3) }
    _ = try await audit.append(events)
    var seen: [Int64] = []
    var token = ""
    repeat {
      let page = try await audit.page(of: EventQuery(accountID: owner), size: 4, token: token)
      seen += page.events.map(\.sequence)
      token = page.nextPageToken ?? ""
    } while !token.isEmpty
    #expect(seen == (1...25).reversed())
  }

  @Test func aLateDeliveryShowsWhereItBelongs() async throws {
    let newer = AuditEvent.sample(account: owner, minute: 9)
    let older = AuditEvent.sample(account: owner, minute: 1)
    _ = try await audit.append([newer])
    _ = try await audit.append([older])
    let page = try await audit.page(of: EventQuery(accountID: owner), size: 0, token: "")
    #expect(page.events.map(\.event.id) == [newer.id, older.id])
  }

  @Test func nobodySeesAnothersEvents() async throws {
    _ = try await audit.append([.sample(account: UserID(UUID())), .sample(account: owner)])
    let page = try await audit.page(of: EventQuery(accountID: owner), size: 0, token: "")
    #expect(page.events.map(\.event.accountID) == [owner])
  }

  @Test func filtersNarrowTheList() async throws {
    _ = try await audit.append([
      .sample(account: owner, action: "session.create", outcome: .failure, minute: 1),
      .sample(account: owner, action: "session.create", minute: 2),
      .sample(account: owner, action: "session.delete", minute: 3),
      .sample(account: owner, action: "sessions.x", minute: 4),
    ])
    func count(_ change: (inout EventQuery) throws -> Void) async throws -> Int {
      var query = EventQuery(accountID: owner)
      try change(&query)
      return try await audit.page(of: query, size: 0, token: "").events.count
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
      try await audit.page(of: EventQuery(accountID: owner), size: 1, token: token)
    }
  }

  @Test func aPageTokenOfOtherFiltersIsRefused() async throws {
    _ = try await audit.append((0..<3).map { .sample(account: owner, minute: $0) })
    let first = try await audit.page(of: EventQuery(accountID: owner), size: 1, token: "")
    let token = try #require(first.nextPageToken)
    for other in [
      EventQuery(accountID: UserID(UUID())), EventQuery(accountID: owner, outcome: .failure),
      EventQuery(accountID: owner, action: .exactly("a")),
    ] {
      await #expect(
        throws: AuditError.invalid(.pageToken, reason: "belongs to a list with other filters")
      ) { try await audit.page(of: other, size: 1, token: token) }
    }
  }

  @Test(arguments: [-1, 201, Int.max])
  func aPageSizeOutOfRangeIsRefused(size: Int) async {
    await #expect(throws: AuditError.self) {
      try await audit.page(of: EventQuery(accountID: owner), size: size, token: "")
    }
  }

  @Test func aTimeRangeTheWrongWayRoundIsRefused() async {
    let query = EventQuery(
      accountID: owner, since: Date(timeIntervalSince1970: 2),
      until: Date(timeIntervalSince1970: 1))
    await #expect(throws: AuditError.self) {
      try await audit.page(of: query, size: 0, token: "")
    }
  }
}
