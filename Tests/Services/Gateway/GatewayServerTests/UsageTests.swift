import NIOHTTP1
import Protobuf
import ServiceAPI
import Testing

@testable import GatewayServer

/// The page that counts requests.
@Suite struct UsageTests {
  private static let session = ("cookie", "chatelaine-session=\(FakeBackend.sessionToken)")
  private static let first = "00000000-0000-4000-8000-000000000001"
  private static let second = "00000000-0000-4000-8000-000000000002"

  /// Two keys of OpenAI and a deleted one; 7 requests yesterday and today, 2 of them failed.
  private func run(_ body: @escaping @Sendable (TestGateway) async throws -> Void) async throws {
    try await TestGateway.run { gateway in
      gateway.backend.store(provider: "openai", label: "default", key: "k")
      gateway.backend.store(provider: "openai", label: "=1+1", key: "k")
      gateway.backend.audit.on(AuditAPI.AuditMethods.countEvents) {
        (request: AuditAPI.CountEventsRequest, _) in
        let last = Int32(request.boundaries.count - 2)
        #expect(request.action == "credential.use")
        let counts: [AuditAPI.CountEventsResponse.Count] = [
          .init(
            interval: last - 1, outcome: .success, targetId: Self.first, count: 3,
            model: request.byModel ? "gpt-4.1" : "", inputTokens: 12_030, outputTokens: 88,
            cachedTokens: 30, costNanodollars: 1_203_450_000_001, meteredCount: 3, pricedCount: 2),
          .init(interval: last, outcome: .failure, targetId: Self.first, count: 1),
          .init(interval: last, outcome: .success, targetId: Self.second, count: 2),
          .init(interval: last, outcome: .denied, targetId: "gone", count: 1),
          // Outside what was asked for.
          .init(interval: last + 1, outcome: .success, targetId: Self.first, count: 100),
          .init(interval: -1, outcome: .success, targetId: Self.first, count: 100),
        ]
        // One token made all but two.
        let isOfToken = request.credentialId == "t1"
        return AuditAPI.CountEventsResponse(
          counts: isOfToken ? Array(counts.prefix(2)) + [counts[3]] : counts)
      }
      gateway.backend.auth.on(AuthAPI.AuthMethods.listAccessTokens) {
        (_: AuthAPI.ListAccessTokensRequest, _) in
        AuthAPI.ListAccessTokensResponse(accessTokens: [
          AuthAPI.AccessToken(id: "t1", name: "notebook", lastUseTime: Timestamp(seconds: 1)),
          AuthAPI.AccessToken(id: "t2", name: "never used"),
        ])
      }
      try await body(gateway)
    }
  }

  /// What a table's row says, without markup.
  private func rows(_ page: TestGateway.Answer) -> [String] {
    page.body.split(separator: "<tr><th scope=\"row\">").dropFirst().map { row in
      let cells = row.split(separator: "</tr>")[0].split(separator: "<td class=\"num\"")
      return cells.map { cell in
        var isText = !cell.hasPrefix(" data-label")
        var text = ""
        for letter in cell {
          if letter == "<" {
            isText = false
          } else if letter == ">" {
            isText = true
          } else if isText {
            text.append(letter)
          }
        }
        return text
      }.joined(separator: "|")
    }
  }

  @Test(arguments: [
    (
      "key",
      [
        "OpenAI, default|4|1|12,030|88|$1,203.45|57 %", "OpenAI, =1+1|2|0|–|–|–|28 %",
        "Deleted keys|1|1|–|–|–|14 %",
      ]
    ),
    ("provider", ["OpenAI|6|1|12,030|88|$1,203.45|85 %", "Deleted keys|1|1|–|–|–|14 %"]),
    ("model", ["Unknown model|4|2|–|–|–|57 %", "gpt-4.1|3|0|12,030|88|$1,203.45|42 %"]),
    (
      "token", ["notebook|5|2|12,030|88|$1,203.45|71 %", "Other and revoked tokens|2|0|–|–|–|28 %"]
    ),
    ("outcome", ["Done|5|0|–|–|–|71 %", "Failed or refused|2|2|–|–|–|28 %"]),
    (
      "nonsense",
      [
        "OpenAI, default|4|1|12,030|88|$1,203.45|57 %", "OpenAI, =1+1|2|0|–|–|–|28 %",
        "Deleted keys|1|1|–|–|–|14 %",
      ]
    ),
  ])
  func requestsAreCountedByWhatIsAskedFor(by: String, expected: [String]) async throws {
    try await run { gateway in
      let page = try await gateway.send(
        .GET, "/usage?by=\(by)&days=7", headers: [Self.session])
      #expect(page.status == 200)
      let shown = rows(page)
      // The chart's table comes first.
      #expect(
        shown.suffix(expected.count + 1) == expected + ["All|7|2|12,030|88|$1,203.45|100 %"],
        "\(shown)")
      #expect(page.body.contains("aria-current=\"page\""))
    }
  }

  @Test func theFileHasTheSameNumbersAndNoFormula() async throws {
    try await run { gateway in
      let file = try await gateway.send(
        .GET, "/usage.csv?by=key&days=14", headers: [Self.session])
      #expect(file.headers["content-type"] == ["text/csv; charset=utf-8"])
      #expect(file.headers["content-disposition"].first?.hasPrefix("attachment") == true)
      let lines = file.body.split(separator: "\r\n").map(String.init)
      #expect(
        lines.first == "day,key,requests,failed,input_tokens,output_tokens,cached_tokens,cost_usd")
      #expect(lines.count == 5)
      #expect(
        lines.contains { $0.hasSuffix(",\"OpenAI, default\",3,0,12030,88,30,1203.450000001") })
      #expect(lines.contains { $0.hasSuffix(",\"OpenAI, =1+1\",2,0,,,,") })
    }
  }

  @Test func programsGetTheSameNumbersAsJSON() async throws {
    try await run { gateway in
      let file = try await gateway.send(.GET, "/usage.json?by=key", headers: [Self.session])
      #expect(file.headers["content-type"] == ["application/json"])
      #expect(
        file.body.contains(
          #""key":"OpenAI, default","requests":3,"failed":0,"meteredRequests":3,"#
            + #""inputTokens":12030,"outputTokens":88,"cachedTokens":30,"pricedRequests":2,"#
            + #""costNanodollars":1203450000001}"#))
      #expect(file.body.contains(#""key":"OpenAI, =1+1","requests":2,"failed":0}"#))
    }
  }

  @Test(arguments: [("tokens", "12,118 OpenAI, default"), ("cost", "$1,203.45 OpenAI, default")])
  func theChartShowsTokensAndCostsToo(measure: String, spoken: String) async throws {
    try await run { gateway in
      let page = try await gateway.send(
        .GET, "/usage?by=key&show=\(measure)", headers: [Self.session])
      #expect(page.body.contains(spoken))
    }
  }

  @Test func anAccountWithoutRequestsIsToldWhatIsCounted() async throws {
    try await run { gateway in
      gateway.backend.audit.on(AuditAPI.AuditMethods.countEvents) {
        (_: AuditAPI.CountEventsRequest, _) in AuditAPI.CountEventsResponse()
      }
      let page = try await gateway.send(.GET, "/usage?days=90", headers: [Self.session])
      #expect(page.body.contains("Nothing was used in these 90 days"))
      #expect(!page.body.contains("usage.csv"))
    }
  }

  @Test func theListAndThePageOfAKeySayHowOftenItWasUsed() async throws {
    try await run { gateway in
      let list = try await gateway.send(.GET, "/providers", headers: [Self.session])
      #expect(list.body.contains("data-label=\"7 days\">4<span"))
      #expect(list.body.contains("class=\"spark\""))
      let page = try await gateway.send(.GET, "/providers/\(Self.first)", headers: [Self.session])
      #expect(page.body.contains("class=\"chart\""))
      gateway.backend.audit.stop()
      let alone = try await gateway.send(.GET, "/providers", headers: [Self.session])
      #expect(alone.status == 200 && alone.body.contains("data-label=\"7 days\">–"))
      let key = try await gateway.send(.GET, "/providers/\(Self.first)", headers: [Self.session])
      #expect(key.status == 200 && !key.body.contains("class=\"chart\""))
    }
  }

  @Test func aKeysHistoryGoesOnAsLongAsTheLogDoes() async throws {
    try await run { gateway in
      gateway.backend.audit.on(AuditAPI.AuditMethods.listEvents) {
        (request: AuditAPI.ListEventsRequest, _) in
        #expect(request.targetId == Self.first)
        return AuditAPI.ListEventsResponse(
          events: [AuditAPI.AuditEvent(id: "e\(request.pageToken)", action: "credential.use")],
          nextPageToken: request.pageToken == "99" ? "" : "\((Int(request.pageToken) ?? 97) + 1)")
      }
      let page = "/providers/\(Self.first)"
      let first = try await gateway.send(.GET, page, headers: [Self.session])
      #expect(first.body.contains("href=\"\(page)?history=98#history\""))
      let last = try await gateway.send(.GET, page + "?history=99", headers: [Self.session])
      #expect(last.body.contains("href=\"/audit/e99\""))
      #expect(last.body.contains("href=\"\(page)#history\">First"))
      #expect(!last.body.contains(">Older<"))
    }
  }
}
