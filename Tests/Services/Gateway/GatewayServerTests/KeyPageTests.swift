import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import RPC
import ServiceAPI
import Testing

@testable import GatewayServer

/// The pages of provider keys.
@Suite(.timeLimit(.minutes(1))) struct KeyPageTests {
  private static let cookie = "chatelaine-session=\(FakeBackend.sessionToken)"
  private static let first = "00000000-0000-4000-8000-000000000001"

  private func get(_ gateway: TestGateway, _ path: String) async throws -> TestGateway.Answer {
    try await gateway.send(.GET, path, headers: [("cookie", Self.cookie)])
  }

  /// What a browser would find in a page's form.
  private func value(_ name: String, _ page: TestGateway.Answer) throws -> String {
    let rest = try #require(
      page.body.split(separator: "name=\"\(name)\" value=\"").dropFirst().first)
    return String(rest.prefix { $0 != "\"" })
  }

  private func post(
    _ gateway: TestGateway, _ path: String, from page: String = "/providers/new",
    _ fields: [(String, String)]
  ) async throws -> TestGateway.Answer {
    let token = try value("csrf", try await get(gateway, page))
    return try await gateway.form(path, cookies: [Self.cookie], [("csrf", token)] + fields)
  }

  private func store(_ gateway: TestGateway, count: Int) {
    for number in 1...count {
      gateway.backend.store(provider: "openai", label: "key-\(number)", key: "k")
    }
  }

  @Test func manyKeysComeInPagesThatSayWhereTheyAre() async throws {
    try await TestGateway.run { gateway in
      store(gateway, count: 60)
      let page = try await get(gateway, "/providers?page=2")
      #expect(page.body.contains("26–50 of 60"))
      #expect(page.body.contains("key-26<") && !page.body.contains("key-25<"))
      #expect(page.body.contains("href=\"/providers?page=3\""))
      let last = try await get(gateway, "/providers?page=99")
      #expect(last.body.contains("51–60 of 60"))
    }
  }

  @Test func aListIsSearchedFilteredAndSorted() async throws {
    try await TestGateway.run { gateway in
      store(gateway, count: 3)
      gateway.backend.store(provider: "anthropic", label: "team", key: "k")
      let found = try await get(gateway, "/providers?q=TEAM")
      #expect(found.body.contains("team<") && !found.body.contains("key-1<"))
      let sorted = try await get(gateway, "/providers?sort=-provider")
      let order = ["key-3<", "key-1<", "team<"].compactMap { sorted.body.range(of: $0)?.lowerBound }
      #expect(order.count == 3 && order == order.sorted())
      #expect(sorted.body.contains("aria-sort=\"descending\""))
      let none = try await get(gateway, "/providers?provider=groq")
      #expect(none.body.contains("No key matches"))
      let odd = try await get(gateway, "/providers?state=%3Cscript%3E&sort=x&page=-1")
      #expect(odd.status == 200 && odd.body.contains("key-1<"))
    }
  }

  @Test func anActAtARowLeadsBackToIt() async throws {
    try await TestGateway.run { gateway in
      store(gateway, count: 30)
      let answer = try await post(
        gateway, "/providers/\(Self.first)/enable", [("back", "/providers?page=2")])
      #expect(answer.headers["location"] == ["/providers?page=2#k-\(Self.first)"])
      let elsewhere = try await post(
        gateway, "/providers/\(Self.first)/enable", [("back", "//evil.example/providers")])
      #expect(elsewhere.headers["location"] == ["/providers#k-\(Self.first)"])
    }
  }

  @Test func severalKeysAreDeletedAfterAQuestion() async throws {
    try await TestGateway.run { gateway in
      store(gateway, count: 2)
      let chosen = [("k.\(Self.first)", "1")]
      let answer = try await post(gateway, "/providers/bulk/delete", chosen)
      let place = try #require(answer.headers["location"].first)
      let question = try await get(gateway, place)
      #expect(question.body.contains("Delete 1 key?") && question.body.contains("key-1"))
      let done = try await post(gateway, "/providers/delete", chosen)
      #expect(done.status == 303)
      let nothing = try await post(gateway, "/providers/bulk/delete", [])
      #expect(nothing.cookie("chatelaine-notice") == "nothing-chosen")
    }
  }

  @Test func allMistakesAreSaidAtOnceAndTheKeyIsKept() async throws {
    try await TestGateway.run { gateway in
      let answer = try await post(
        gateway, "/providers/new",
        [
          ("label", "Ünknown!"), ("apiKey", " 'sk-q9ZkW3r7Tt1LmB8xVn2c' "), ("act", "store"),
          ("baseUrl", "http://10.0.0.1"),
        ])
      #expect(answer.status == 422)
      #expect(answer.body.contains("3 things to fix"))
      #expect(answer.body.contains("Quotation marks around the key were left out."))
      #expect(!answer.body.contains("q9ZkW3r7"))
      let kept = try value("kept", answer)
      let stored = try await post(
        gateway, "/providers/new",
        [("provider", "openai"), ("label", "My Key"), ("kept", kept), ("act", "store")])
      #expect(stored.status == 303)
      #expect(gateway.backend.storedKeys == ["my-key sk-q9ZkW3r7Tt1LmB8xVn2c"])
    }
  }

  @Test func theBeginningOfAKeyChoosesItsProvider() async throws {
    try await TestGateway.run { gateway in
      let answer = try await post(
        gateway, "/providers/new", [("apiKey", "gsk_q9ZkW3r7Tt1LmB8xVn2c"), ("act", "store")])
      #expect(answer.status == 303)
      #expect(try await get(gateway, "/providers").body.contains("Groq"))
    }
  }

  @Test func aFormThatIsSentTwiceStoresOnce() async throws {
    try await TestGateway.run { gateway in
      let page = try await get(gateway, "/providers/new")
      let fields = [
        ("csrf", try value("csrf", page)), ("once", try value("once", page)),
        ("provider", "openai"), ("apiKey", "sk-q9ZkW3r7Tt1LmB8xVn2c"), ("act", "store"),
      ]
      async let one = gateway.form("/providers/new", cookies: [Self.cookie], fields)
      async let other = gateway.form("/providers/new", cookies: [Self.cookie], fields)
      let answers = try await [one, other]
      #expect(answers.map(\.status) == [303, 303])
      #expect(gateway.backend.storedKeys.count == 1)
      let tokens = try await get(gateway, "/access-tokens")
      let form = [
        ("csrf", try value("csrf", tokens)), ("once", try value("once", tokens)), ("name", "n"),
      ]
      for _ in 0..<3 {
        let answer = try await gateway.form("/access-tokens", cookies: [Self.cookie], form)
        #expect(answer.headers["location"] == ["/access-tokens/new/t1"])
      }
      #expect(gateway.backend.tokenNames == ["n"])
    }
  }

  @Test func checkAndStoreStoresWhatTheProviderTakes() async throws {
    try await TestUpstream.run { request in
      let isKnown = request.headers[.authorization] == "Bearer right-key"
      return Response(
        status: isKnown ? .ok : .unauthorized,
        body: .init(byteBuffer: ByteBuffer(string: isKnown ? #"{"data":[]}"# : "{}")))
    } _: { upstream in
      try await TestGateway.run(allowing: ["127.0.0.1:\(upstream.port)"]) { gateway in
        func add(_ key: String) async throws -> TestGateway.Answer {
          try await post(
            gateway, "/providers/new",
            [
              ("provider", "custom"), ("label", "lab"), ("apiKey", key), ("act", "check"),
              ("baseUrl", "http://127.0.0.1:\(upstream.port)/v1"),
            ])
        }
        let refused = try await add("wrong-key")
        #expect(refused.status == 422)
        #expect(refused.body.contains("refused the key (401)"))
        #expect(gateway.backend.storedKeys.isEmpty)
        let stored = try await add("right-key")
        #expect(stored.status == 303)
        #expect(gateway.backend.storedKeys == ["lab right-key"])
      }
    }
  }

  @Test func aKeysPageTestsItAndShowsWhatCameOfIt() async throws {
    try await ProxyRun.run { gateway, upstream in
      let answer = try await post(gateway, "/providers/\(Self.first)/test", [("back", "page")])
      let place = try #require(answer.headers["location"].first)
      #expect(upstream.requests.map(\.path) == ["/v1/models"])
      let page = try await get(gateway, place)
      #expect(page.body.contains("The endpoint takes the key."))
      #expect(page.body.contains("/proxy/custom/lab"))
      // Nobody else can put words there.
      let forged = try await get(gateway, "/providers/\(Self.first)?test=Call+this+number")
      #expect(forged.status == 200 && !forged.body.contains("Call"))
    }
  }

  @Test func anEmptiedLabelIsAMistake() async throws {
    try await ProxyRun.run { gateway, _ in
      let answer = try await post(
        gateway, "/providers/\(Self.first)", [("label", ""), ("baseUrl", "")])
      #expect(answer.status == 422)
      #expect(answer.body.contains("Enter a label"))
    }
  }

  @Test func anEnvironmentFileIsPlannedChosenAndStored() async throws {
    try await TestGateway.run { gateway in
      let file = """
        OPENAI_API_KEY=sk-q9ZkW3r7Tt1LmB8xVn2c
        ANTHROPIC_API_KEY=YOUR_API_KEY
        GROQ_API_KEY=gsk_q9ZkW3r7Tt1LmB8xVn2c
        DATABASE_URL=postgres://u:secret-word@db/x
        """
      let taken = try await post(gateway, "/providers/import", [("env", file)])
      let plan = try await get(gateway, try #require(taken.headers["location"].first))
      #expect(plan.status == 200)
      #expect(plan.body.contains("OpenAI, default") && plan.body.contains("Groq, default"))
      #expect(plan.body.contains("Left alone: a placeholder"))
      #expect(plan.body.contains("Not of a provider"))
      for secret in ["q9ZkW3r7", "secret-word"] { #expect(!plan.body.contains(secret)) }
      #expect(gateway.backend.storedKeys.isEmpty)
      let fields = [
        ("csrf", try value("csrf", plan)), ("once", try value("once", plan)), ("c.1", "1"),
      ]
      for _ in 0..<2 {
        let done = try await gateway.form(
          try #require(taken.headers["location"].first), cookies: [Self.cookie], fields)
        let place = try #require(done.headers["location"].first)
        #expect(try await get(gateway, place).body.contains("1 key is stored."))
      }
      #expect(gateway.backend.storedKeys == ["default gsk_q9ZkW3r7Tt1LmB8xVn2c"])
    }
  }

  @Test(arguments: ["", "  \n "])
  func anEmptyFileIsAMistake(_ text: String) async throws {
    try await TestGateway.run { gateway in
      let answer = try await post(gateway, "/providers/import", [("env", text)])
      #expect(answer.status == 422)
      let late = try await post(gateway, "/providers/import/nothing", [("c.0", "1")])
      #expect(late.headers["location"] == ["/providers/import"])
      #expect(late.cookie("chatelaine-notice") == "file-over")
    }
  }

  /// As a browser sends a file.
  @Test func aFileIsTakenAndWhatIsStoredAlreadyIsAskedAbout() async throws {
    try await TestGateway.run { gateway in
      gateway.backend.store(provider: "openai", label: "default", key: "old")
      gateway.backend.store(provider: "groq", label: "default", key: "old")
      gateway.backend.store(provider: "groq", label: "default-2", key: "old")
      gateway.backend.vault.on(VaultAPI.VaultMethods.updateProviderConfig) {
        (request: VaultAPI.UpdateProviderConfigRequest, _) in
        VaultAPI.ProviderConfig(id: request.id, label: request.apiKey ?? "")
      }
      let form = try await get(gateway, "/providers/import")
      let parts = [
        ("csrf", "", try value("csrf", form)), ("env", "", ""),
        (
          "file", "; filename=\"a;b.env\"\r\nContent-Type: application/octet-stream",
          "OPENAI_API_KEY=sk-q9ZkW3r7Tt1LmB8xVn2c\nGROQ_API_KEY=gsk_q9ZkW3r7Tt1LmB8xVn2c\n"
        ),
      ]
      let body =
        parts.map { name, more, text in
          "--bound\r\nContent-Disposition: form-data; name=\"\(name)\"\(more)\r\n\r\n\(text)\r\n"
        }.joined() + "--bound--\r\n"
      let taken = try await gateway.send(
        .POST, "/providers/import",
        headers: [
          ("content-type", "multipart/form-data; boundary=bound"), ("cookie", Self.cookie),
        ], body: body)
      let place = try #require(taken.headers["location"].first)
      let plan = try await get(gateway, place)
      #expect(plan.body.contains("OpenAI, default is stored already (sk-…3f9a)"))
      #expect(plan.body.contains("value=\"default-3\""))
      let wrong = try await post(
        gateway, place, [("x.0", "label"), ("l.0", "default"), ("x.1", "label"), ("l.1", "Ü!")])
      #expect(wrong.status == 422)
      #expect(wrong.body.contains("is taken. Choose another label."))
      #expect(wrong.body.contains("2 things to fix"))
      let done = try await post(
        gateway, place, [("x.0", "replace"), ("x.1", "label"), ("l.1", "default-3")])
      let result = try await get(gateway, try #require(done.headers["location"].first))
      #expect(result.body.contains("1 key is stored. 1 is replaced."))
      #expect(gateway.backend.storedKeys.last == "default-3 gsk_q9ZkW3r7Tt1LmB8xVn2c")
      let update = VaultAPI.VaultMethods.updateProviderConfig.path
      #expect(gateway.backend.vault.calls.count { $0.path == update } == 1)
      // It is kept no longer.
      #expect(try await get(gateway, place).headers["location"] == ["/providers/import"])
    }
  }

  private static func confirmationNeeded() -> RPCError {
    RPCError(
      .permissionDenied, "enter your password once more before you do this",
      details: [.errorInfo(reason: "CONFIRMATION_NEEDED", domain: "vault.chatelaine")])
  }

  /// The key itself is typed again: no address may hold it.
  @Test func aKeyIsReplacedAfterThePasswordOnceMoreWithWhatWasTypedBesides() async throws {
    try await TestGateway.run { gateway in
      gateway.backend.store(provider: "openai", label: "work", key: "k")
      gateway.backend.vault.on(VaultAPI.VaultMethods.updateProviderConfig) {
        (request: VaultAPI.UpdateProviderConfigRequest, _) -> VaultAPI.ProviderConfig in
        guard request.apiKey == nil else { throw Self.confirmationNeeded() }
        return VaultAPI.ProviderConfig(id: request.id, provider: "openai", label: "work")
      }
      let page = "/providers/\(Self.first)"
      let answer = try await post(
        gateway, page, from: page, [("label", "den"), ("apiKey", "sk-another-0123456789")])
      #expect(answer.status == 303)
      let way = try #require(answer.headers["location"].first)
      #expect(way.hasPrefix("/confirm-password?next="))
      #expect(!way.contains("sk-another"))
      let asked = try await get(gateway, way)
      let next = try value("next", asked)
      #expect(next == "\(page)?label=den")
      let back = try await get(gateway, next)
      #expect(back.body.contains("value=\"den\""))
    }
  }
}
