import Cryptography
import Testing

@testable import Providers

@Suite struct KeyDoubtTests {
  private static let catalogue = ProviderCatalogue.standard
  private static let anthropic = "sk-ant-api03-q9ZkW3r7Tt1LmB8xVn2c"

  private func doubt(
    _ key: String, _ id: String = "openai", hasOwnEndpoint: Bool = false
  ) throws -> KeyDoubt? {
    let provider = try #require(Self.catalogue.provider(id: id))
    return Self.catalogue.doubt(
      about: SecretBytes(utf8: key), for: provider, hasOwnEndpoint: hasOwnEndpoint)
  }

  @Test(arguments: [
    ("sk-proj-q9ZkW3r7Tt1LmB8xVn2c", "openai"), (anthropic, "anthropic"),
    ("AIzaSyQ9ZkW3r7Tt1LmB8xVn2cLpQ4r", "google"), ("q9ZkW3r7Tt1LmB8xVn2cLpQ4rYs6", "mistral"),
    ("sk-or-v1-q9ZkW3r7Tt1LmB8xVn2c", "openrouter"), ("sk-q9ZkW3r7Tt1LmB8xVn2c", "deepseek"),
    // Of a kind that the catalogue doesn't know yet.
    ("oa-q9ZkW3r7Tt1LmB8xVn2c", "openai"), ("sk-q9ZkW3r7Tt1LmB8xVn2c", "zhipu"),
  ])
  func aKeyOfTheProviderIsNotDoubted(_ row: (key: String, id: String)) throws {
    #expect(try doubt(row.key, row.id) == nil)
  }

  @Test(arguments: [
    (anthropic, "openai", "Anthropic"), ("sk-or-v1-q9ZkW3r7Tt1LmB8xVn2c", "openai", "OpenRouter"),
    ("gsk_q9ZkW3r7Tt1LmB8xVn2c", "openai", "Groq"), ("gsk_q9ZkW3r7Tt1LmB8xVn2c", "mistral", "Groq"),
    ("AIzaSyQ9ZkW3r7Tt1LmB8xVn2cLpQ4r", "anthropic", "Google Gemini"),
  ])
  func aKeyOfAnotherProviderIsNamedAsItsOwn(
    _ row: (key: String, id: String, name: String)
  ) throws {
    #expect(try doubt(row.key, row.id) == .ofOtherProvider([row.name]))
  }

  @Test func aBeginningThatSeveralProvidersShareNamesThemAll() throws {
    guard case .ofOtherProvider(let names)? = try doubt("sk-q9ZkW3r7Tt1LmB8x", "anthropic") else {
      Issue.record("a key that begins with sk- is none of Anthropic's")
      return
    }
    #expect(names.count > 2 && names.first == "OpenAI")
  }

  @Test(arguments: [
    ("YOUR_API_KEY", KeyDoubt.placeholder), ("sk-xxxx", .placeholder), ("x", .tooShort),
    ("q9ZkW", .tooShort), ("\"sk-q9ZkW3r7Tt1LmB8xVn2c\"", .quoted), ("'k9ZkW3r7'", .quoted),
    ("OPENAI_API_KEY=sk-q9ZkW3r7Tt1LmB8x", .assignment(name: "OPENAI_API_KEY")),
    ("op://Private/openai/credential", .reference(to: "1Password")),
    ("$OPENAI_API_KEY", .reference(to: "another variable")),
  ])
  func whatIsNoKeyIsDoubted(_ row: (text: String, doubt: KeyDoubt)) throws {
    #expect(try doubt(row.text) == row.doubt)
  }

  @Test(arguments: ["k", "1234", "dummy", "sk-ant-api03-q9ZkW3r7", "EMPTY"])
  func aServerOfOnesOwnMayHaveAnyKey(_ key: String) throws {
    #expect(try doubt(key, "custom", hasOwnEndpoint: true) == nil)
  }

  @Test func noReasonRepeatsTheKey() throws {
    for key in ["OPENAI_API_KEY=\(Self.anthropic)", Self.anthropic, "\"\(Self.anthropic)\""] {
      let reason = try #require(try doubt(key)).reason
      #expect(!reason.contains("q9ZkW3"))
    }
  }

  @Test(arguments: [
    (" sk-1 \n", "sk-1", [PastedKey.Cleaning.blanks]), ("\"sk-1\"", "sk-1", [.quotes]),
    ("OPENAI_API_KEY=sk-1", "sk-1", [.name("OPENAI_API_KEY")]),
    ("export OPENAI_API_KEY = 'sk-1' ", "sk-1", [.blanks, .name("OPENAI_API_KEY"), .quotes]),
    ("sk-1", "sk-1", []), ("c2s=", "c2s=", []), ("A_B=", "A_B=", []), ("AB=c", "AB=c", []),
    ("\"", "\"", []), ("", "", []), ("  ", "", [.blanks]),
  ])
  func whatIsAroundAPastedKeyIsTakenAwayAndSaid(
    _ row: (text: String, key: String, cleanings: [PastedKey.Cleaning])
  ) {
    let pasted = PastedKey(row.text)
    #expect(pasted.key == row.key)
    #expect(pasted.cleanings == row.cleanings)
  }
}
