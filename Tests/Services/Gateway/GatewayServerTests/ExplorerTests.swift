import Encodings
import NIOHTTP1
import Protobuf
import RPC
import ServiceAPI
import Testing

@testable import GatewayServer

/// The overview and the pages of the audit log.
@Suite struct ExplorerTests {
  private static let session = ("cookie", "chatelaine-session=\(FakeBackend.sessionToken)")
  private static let berlin = ("cookie", "\(session.1); chatelaine-zone=Europe.Berlin")

  private func page(
    _ gateway: TestGateway, _ path: String, _ cookie: (String, String) = session
  ) async throws -> TestGateway.Answer {
    try await gateway.send(.GET, path, headers: [cookie])
  }

  // MARK: The log

  @Test func anEntryIsASentenceWithFactsThatAreFilters() async throws {
    try await TestGateway.run { gateway in
      let log = try await page(gateway, "/audit")
      #expect(log.body.contains("<b>You</b> tried to log in"))
      #expect(log.body.contains("from 192.0.2.1"))
      #expect(log.body.contains("Entry 4,812"))
      #expect(log.body.contains("href=\"/audit?address=192.0.2.1\""))
      #expect(log.body.contains("href=\"/audit?text=r-1\""))
      #expect(log.body.contains("Monday, 23 November 2026"))
    }
  }

  @Test func everyFilterReachesTheLogAndCanBeTakenOff() async throws {
    try await TestGateway.run { gateway in
      let (token, key) = (FakeBackend.tokenID, "00000000-0000-4000-8000-0000000000c1")
      let filter =
        "action=credential.use&outcome=failure&token=\(token)&key=\(key)&address=192.0.2.1"
        + "&text=gpt%205&since=2026-11-01&until=2026-11-02"
      let log = try await page(gateway, "/audit?\(filter)", Self.berlin)
      #expect(log.status == 200)
      let search = try #require(gateway.backend.searches.first)
      #expect(search.action == "credential.use")
      #expect(search.outcome == .failure)
      #expect(search.credentialId == token)
      #expect(search.targetId == key)
      #expect(search.ipAddress == "192.0.2.1")
      #expect(search.text == "gpt 5")
      // Two days of Berlin's winter.
      #expect(search.since?.seconds == 1_793_487_600)
      #expect(search.until?.seconds == 1_793_660_400)
      let rest = filter.split(separator: "&").filter { !$0.hasPrefix("text=") }
        .joined(separator: "&amp;")
      #expect(log.body.contains("href=\"/audit?\(rest)\""))
      #expect(log.body.contains("“gpt 5”"))
    }
  }

  @Test func aFilterThatThereIsNotIsLeftOutAndSaid() async throws {
    try await TestGateway.run { gateway in
      let log = try await page(gateway, "/audit?action=%3Cscript%3E&outcome=maybe")
      #expect(log.status == 200)
      #expect(log.body.contains("There is no such choice"))
      #expect(gateway.backend.searches.first?.action == "")
    }
  }

  @Test func datesThatContradictEachOtherAreExplained() async throws {
    try await TestGateway.run { gateway in
      let log = try await page(gateway, "/audit?since=2026-11-02&until=2026-11-01")
      #expect(log.status == 422)
      #expect(log.body.contains("From: is after To"))
      #expect(log.body.contains("id=\"since-error\""))
      #expect(gateway.backend.searches.isEmpty)
    }
  }

  @Test func theChartLeadsToItsDays() async throws {
    try await TestGateway.run { gateway in
      let log = try await page(gateway, "/audit?since=2026-11-21&until=2026-11-23")
      #expect(log.body.contains("aria-label=\"23 Nov: 1 failed or refused\""))
      #expect(log.body.contains("href=\"/audit?since=2026-11-23&amp;until=2026-11-23\""))
      #expect(log.body.contains("<th scope=\"row\">21 Nov</th>"))
    }
  }

  @Test func anEntryHasAPageOfItsOwn() async throws {
    try await TestGateway.run { gateway in
      let entry = try await page(gateway, "/audit/e1")
      #expect(entry.status == 200)
      #expect(entry.body.contains("<h1>Entry 4,812</h1>"))
      #expect(entry.body.contains("&quot;sequence&quot;"))
      #expect(!entry.body.contains("<script>"))
      #expect(try await page(gateway, "/audit/e2").status == 404)
    }
  }

  // MARK: The overview

  @Test func aNewcomerIsToldWhatToDo() async throws {
    try await TestGateway.run { gateway in
      let page = try await page(gateway, "/")
      // Somebody has used a key: the log counts it.
      #expect(page.body.contains("1 of 3 done"))
      #expect(page.body.contains("data-live=\"4\""))
      let hidden = try await self.page(
        gateway, "/", ("cookie", "\(Self.session.1); chatelaine-start=hidden"))
      #expect(!hidden.body.contains("1 of 3 done"))
      #expect(hidden.body.contains("Show the first steps"))
    }
  }

  @Test func numbersAndConcernsAreShown() async throws {
    try await TestGateway.run { gateway in
      gateway.backend.store(
        provider: "mistral", label: "default", key: "k",
        health: .init(lastStatus: 401, consecutiveRefusals: 3))
      let page = try await page(gateway, "/")
      #expect(page.body.contains("2 of 3 done"))
      #expect(page.body.contains("Mistral AI, default"))
      #expect(page.body.contains("Refused by the provider"))
      #expect(page.body.contains("1<span class=\"visually-hidden\"> to look at</span>"))
      #expect(page.body.contains("Requests a day"))
    }
  }

  @Test func whatIsAwayIsSaidAndTheRestStands() async throws {
    try await TestGateway.run { gateway in
      gateway.backend.store(provider: "openai", label: "default", key: "k")
      gateway.backend.audit.stop()
      let page = try await page(gateway, "/")
      #expect(page.status == 200)
      #expect(page.body.contains("not available right now"))
      #expect(page.body.contains("OpenAI, default"))
    }
  }

  @Test func helpIsThereForEveryone() async throws {
    try await TestGateway.run { gateway in
      for path in ["/help", "/help/providers", "/help/security", "/help/audit-events"] {
        let page = try await gateway.send(.GET, path)
        #expect(page.status == 200, "\(path)")
        #expect(page.body.contains("<h1>"), "\(path)")
      }
      let connect = try await page(gateway, "/connect?provider=anthropic")
      #expect(connect.body.contains("http://portal.example/proxy/anthropic"))
      #expect(connect.body.contains("You have no key yet"))
    }
  }

  // MARK: Everybody's

  @Test func anAuditorReadsEverybodysLogAndThatOfOneAccount() async throws {
    try await TestGateway.run { gateway in
      let log = try await page(gateway, "/administration/log?outcome=failure&text=r-1")
      #expect(log.status == 200)
      #expect(log.body.contains("<bdi>\(FakeBackend.email)</bdi>"))
      #expect(log.body.contains("That you read it is written down in your own log."))
      let all = try #require(gateway.backend.searches.last)
      #expect(all.everyone && all.accountId.isEmpty)
      #expect(all.outcome == .failure && all.text == "r-1")

      let one = try await page(gateway, "/administration/log?account=\(FakeBackend.accountID)")
      #expect(one.body.contains("and in the log of the person whose entries these are"))
      #expect(gateway.backend.searches.last?.accountId == FakeBackend.accountID)
      let wrong = try await page(gateway, "/administration/log?since=yesterday")
      #expect(wrong.status == 422)
    }
  }

  @Test func whoMayNotReadItIsToldThat() async throws {
    try await TestGateway.run { gateway in
      gateway.backend.audit.on(AuditAPI.AuditMethods.listEvents) {
        (_: AuditAPI.ListEventsRequest, _) -> AuditAPI.ListEventsResponse in
        throw RPCError(.permissionDenied, "this is for accounts with another role")
      }
      let answer = try await page(gateway, "/administration/log")
      #expect(answer.status == 403)
      #expect(answer.body.contains("Not for this account"))
    }
  }
}
