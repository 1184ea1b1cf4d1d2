import Metering
import Testing

/// What tokens cost.
@Suite struct PriceTableTests {
  private let table = PriceTable.published

  private func cost(_ model: String, _ provider: String, _ counts: TokenCounts) -> Int? {
    table.price(of: model, at: provider)?.cost(of: counts)
  }

  @Test func thePublishedTableCanBeRead() {
    #expect(table.count > 30)
  }

  @Test func everyKindOfTokenHasItsPrice() {
    var counts = TokenCounts(input: 1_000, output: 100, cached: 300)
    #expect(cost("gpt-4o", "openai", counts) == 700 * 2_500 + 300 * 1_250 + 100 * 10_000)
    counts.cacheWritten = 200
    counts.cacheWrittenForHour = 50
    #expect(
      cost("claude-sonnet-4-6", "anthropic", counts)
        == 450 * 3_000 + 300 * 300 + 200 * 3_750 + 50 * 6_000 + 100 * 15_000)
    // These can't be: OpenAI has no price for them.
    #expect(cost("gpt-4o", "openai", counts) == nil)
    // One and a half nano-dollars a token are rounded once, at the end.
    #expect(cost("gpt-5-nano", "openai", TokenCounts(input: 3, output: 0, cached: 3)) == 15)
    #expect(
      cost("gpt-4o", "openai", TokenCounts(input: 1_000_000_000, output: 1_000_000_000))
        == 12_500 * 1_000_000_000)
  }

  @Test(arguments: [
    ("gpt-4o-2024-08-06", "openai", 2_500_000), ("gpt-4o-2024-05-13", "openai", 5_000_000),
    ("claude-sonnet-4-5-20250929", "anthropic", 3_000_000),
    ("claude-opus-4-20250514", "anthropic", 15_000_000),
    ("claude-opus-4-1-20250805", "anthropic", 15_000_000),
    ("gemini-2.5-flash-001", "google", 300_000),
  ])
  func aVersionCostsWhatItsModelCosts(model: String, provider: String, input: Int) {
    #expect(table.price(of: model, at: provider)?.input == input)
  }

  @Test(arguments: [
    ("claude-opus-4-99", "anthropic"), ("gpt-4o-audio-preview", "openai"),
    ("gpt-4o-mini-tts", "openai"), ("gpt-4o-mini", "azure-openai"), ("gpt-4o-mini", "custom"),
    ("gpt-4o-latest", "openai"), ("gpt-4o--2024-08", "openai"), ("", "openai"), ("-2024", "openai"),
    ("ft:gpt-4o-mini-2024-07-18:acme::1", "openai"),
  ])
  func anotherModelHasNoCost(model: String, provider: String) {
    #expect(table.price(of: model, at: provider) == nil)
  }

  @Test func specialConditionsAndLongPromptsHaveNoCost() {
    var counts = TokenCounts(input: 200_000, output: 1)
    #expect(cost("gemini-2.5-pro", "google", counts) != nil)
    counts.input += 1
    #expect(cost("gemini-2.5-pro", "google", counts) == nil)
    counts.isSpecial = true
    #expect(cost("gpt-4o", "openai", counts) == nil)
  }

  @Test(arguments: [
    ("a b 1 - - - 1 9 9", 1), ("# a\n\na b 1 - - 1", 3), ("a b 1.2.3 - - - 1", 1),
    ("a b 1 - - - -", 1), ("a b 1 x - - 1", 1), ("a b 1 - - - 1 many", 1),
    ("a b 1.1234567 - - - 1", 1), ("a b 1000 - - - 1", 1), ("a b 1 - - - 1\na b 1 - - - 1", 2),
    ("a b -1 - - - 1", 1),
  ])
  func aTableThatIsWrongIsRefusedWithItsLine(text: String, line: Int) {
    let problem = #expect(throws: PriceTable.Problem.self) { try PriceTable(text) }
    #expect(problem?.line == line)
  }
}
