import Edge
import HTTPTypes
import NIOCore
import Pacing
import Providers
import ServiceAPI
import Testing

@testable import KeyTesting

@Suite struct KeyTestVerdictTests {
  private static let key = "sk-proj-q9ZkW3r7Tt1LmB8xVn2cLp"

  private func verdict(
    _ status: Int, _ body: String, _ id: String = "openai"
  ) throws -> KeyTestVerdict {
    let provider = try #require(ProviderCatalogue.standard.provider(id: id))
    return KeyTestVerdict(
      status: status, body: Array(body.utf8), of: provider, try #require(provider.test),
      key: Self.key)
  }

  @Test(arguments: [
    ("openai", #"{"object":"list","data":[{"id":"a"},{"id":"b"}]}"#, 2),
    ("google", #"{"models":[{"name":"a"}]}"#, 1), ("together", #"[{"id":"a"},{"id":"b"}]"#, 2),
    ("ollama", #"{"models":[]}"#, 0),
  ])
  func aListOfModelsIsCounted(_ row: (id: String, body: String, count: Int)) throws {
    let verdict = try verdict(200, row.body, row.id)
    #expect(verdict.outcome == .works)
    #expect(verdict.modelCount == row.count)
  }

  @Test(arguments: ["", "not JSON", "[]", #"{"data":7}"#])
  func anAnswerWithoutAListIsStillAnAnswer(_ body: String) throws {
    let verdict = try verdict(200, body)
    #expect(verdict.outcome == .works)
    #expect(verdict.modelCount == nil)
    #expect(verdict.message == "OpenAI takes the key.")
  }

  /// What providers answer today, shortened.
  @Test(arguments: [
    (401, #"{"error":{"message":"Incorrect API key","code":"invalid_api_key"}}"#, "refused"),
    (403, #"{"message":"Forbidden"}"#, "refused"),
    (
      400, #"{"error":{"code":400,"message":"API key not valid. Pass a valid API key."}}"#,
      "refused"
    ),
    (
      400, #"{"code":"Client specified an invalid argument","error":"Incorrect API key"}"#,
      "refused"
    ),
    (403, #"{"error":{"message":"Missing scopes: api.model.read"}}"#, "works"),
    (401, #"{"detail":{"status":"missing_permissions","message":"no"}}"#, "works"),
    (402, #"{"error":{"message":"Insufficient Balance"}}"#, "noCredit"),
    (
      429, #"{"error":{"message":"x","type":"insufficient_quota","code":"insufficient_quota"}}"#,
      "noCredit"
    ),
    (429, #"{"error":{"message":"You exceeded your current quota, please check"}}"#, "noCredit"),
    (429, #"{"error":{"message":"Rate limit reached"}}"#, "rateLimited"), (429, "", "rateLimited"),
    (404, "", "unclear"), (500, "{}", "unclear"), (302, "", "unclear"),
    (400, #"{"error":{"message":"anthropic-version is missing"}}"#, "unclear"),
  ])
  func aRefusalSaysWhy(_ row: (status: Int, body: String, outcome: String)) throws {
    #expect("\(try verdict(row.status, row.body).outcome)" == row.outcome)
  }

  @Test func theProvidersWordsAreShownWithoutTheKey() throws {
    let said = try verdict(
      401,
      #"{"error":{"message":"Incorrect API key provided: \#(Self.key). Or sk-proj-***cLp, see "#
        + #"https://platform.openai.com/account/api-keys","code":"invalid_api_key"}}"#
    ).providerMessage
    #expect(
      said == "Incorrect API key provided: … Or … see "
        + "https://platform.openai.com/account/api-keys · invalid_api_key")
  }

  @Test func somebodysSecretInTheWordsIsNotShown() {
    let words = ProviderWords.scrubbed(
      "org-0123456789abcdefghijklmnopqrstuvwxyz has\n\u{7} \u{1b}[31mno rights", of: Self.key)
    #expect(words == "… has [31mno rights")
    #expect(ProviderWords.scrubbed("say k", of: "k") == "say …")
    #expect(ProviderWords.scrubbed("say it", of: "") == "say it")
  }

  @Test func longWordsAreCut() {
    let text = String(repeating: "no way ", count: 200)
    #expect(ProviderWords.scrubbed(text, of: Self.key).count == ProviderWords.charactersMax)
  }

  @Test func aUserWhoTestsTooOftenIsToldWhenToTryAgain() throws {
    let pace = KeyTestPace()
    let now = NIODeadline.now()
    for _ in 0..<KeyTestPace.limit.burst { try pace.begin(user: "a", now: now) }
    let problem = #expect(throws: Problem.self) { try pace.begin(user: "a", now: now) }
    #expect(problem?.status == .tooManyRequests)
    #expect(problem?.headers[.retryAfter] == "4")
    try pace.begin(user: "b", now: now)
    try pace.begin(user: "a", now: now + .seconds(3))
  }
}
