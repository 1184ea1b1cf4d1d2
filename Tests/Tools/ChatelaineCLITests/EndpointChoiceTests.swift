import Cryptography
import DotEnv
import Providers
import Testing

@testable import ChatelaineCLI
@testable import EnvImport

/// Which address a key goes to; no file may send one where it was not meant to go.
@Suite struct EndpointChoiceTests {
  @Test func anEndpointMayComeBeforeOrAfterItsKey() throws {
    for text in [
      "AZURE_OPENAI_API_KEY=0a1b2c3d\nAZURE_OPENAI_ENDPOINT=https://x.openai.azure.com/",
      "AZURE_OPENAI_ENDPOINT=https://x.openai.azure.com/\nAZURE_OPENAI_API_KEY=0a1b2c3d",
    ] {
      let plan = try plan(text)
      #expect(plan.stored == ["azure-openai/default https://x.openai.azure.com"])
      #expect(
        Set(plan.lines) == [
          "imported as azure-openai/default",
          "endpoint of azure-openai/default: https://x.openai.azure.com",
        ])
    }
  }

  @Test(arguments: [
    (
      "OPENAI_API_KEY=sk-0a1b2c3d\nOPENAI_API_BASE_URL='http://10.20.0.5:4000/v1'",
      "custom/10.20.0.5-4000"
    ),
    ("OPENAI_API_KEY=sk-0a1b2c3d\nOPENAI_REVERSE_PROXY=https://r.example/v1", "custom/r.example"),
    (
      "ANTHROPIC_API_KEY=sk-ant-0a1b\nANTHROPIC_URL=https://r.example/claude", "anthropic/r.example"
    ),
    (
      "ANTHROPIC_API_KEY=sk-ant-0a1b\nANTHROPIC_REVERSE_PROXY=https://r.example",
      "anthropic/r.example"
    ),
    ("ANTHROPIC_PROXY_URL=https://r.example\nCLAUDE_API_KEY=sk-ant-0a1b", "anthropic/r.example"),
    ("GOOGLE_API_KEY=AIza0a1b2c\nGOOGLE_URL=https://r.example/gemini", "google/r.example"),
    ("GOOGLE_KEY=AIza0a1b2c\nGOOGLE_REVERSE_PROXY=https://r.example/g", "google/r.example"),
    ("GEMINI_API_KEY=AIza0a1b2c\nGOOGLE_GEMINI_BASE_URL=https://r.example", "google/r.example"),
    ("OPENROUTER_API_KEY=sk-or-0a1b\nOPENROUTER_URL=https://r.example/o", "custom/r.example"),
    ("DEEPSEEK_API_KEY=sk-0a1b2c3d\nDEEPSEEK_PROXY_URL=https://r.example/d", "custom/r.example"),
    ("AZURE_API_KEY=0a1b2c3d\nAZURE_URL=https://r.openai.azure.com/openai", "azure-openai/default"),
    ("VOYAGE_API_KEY=pa-0a1b2c3d\nVOYAGE_API_BASE=https://r.example", "custom/r.example"),
    ("OPENAI_API_KEY=sk-0a1b2c3d\nVITE_OPENAI_BASE_URL=https://r.example", "custom/r.example"),
    ("OPENAI_API_KEY=sk-1234\nOPENAI_BASE_URL=http://0.0.0.0:4000", "custom/127.0.0.1-4000"),
    ("OPENAI_API_KEY=lm-studio\nOPENAI_BASE_URL=http://localhost:1234/v1", "custom/localhost-1234"),
    ("OPENAI_API_KEY=sk-0a1b2c3d\nOPENAI_BASE_URL=\" https://r.example/ \"", "custom/r.example"),
    (
      "OPENAI_KEY=sk-0a1b2c\nOPENAI_API_BASE=http://r.example\nOPENAI_BASE_URL=http://r.example/v1",
      "custom/r.example"
    ),
  ])
  func aKeyGoesToTheEndpointBesideItWhateverItIsCalled(
    _ row: (text: String, target: String)
  ) throws {
    let plan = try plan(row.text)
    #expect(plan.stored.map { $0.prefix { $0 != " " } } == [row.target[...]])
    #expect(plan.candidates.allSatisfy { $0.baseURL != nil })
  }

  @Test(arguments: [
    "OPENAI_BASE_URL=https://user@h.example", "OPENAI_BASE_URL=${GATEWAY}/v1",
    "OPENAI_BASE_URL=$GATEWAY", "OPENAI_API_HOST=relay.example.com", "OPENAI_BASE_URL=<your url>",
    "OPENAI_BASE_URL=https://your-gateway.example.com/v1", "OPENAI_BASE_URL=\"https://open",
    "OPENAI_BASE_URL=https://a.example\nOPENAI_API_BASE=https://b.example",
    "OPENAI_BASE_URL=https://api.openai.com/v1\nOPENAI_REVERSE_PROXY=https://b.example",
    "BASE_URL=https://relay.example.com", "BASE_URL=http://localhost:4000/v1",
    "OPENAI_PROXY=http://10.0.0.5:4000",
  ])
  func aKeyWhoseEndpointIsUncertainIsNotStored(_ lines: String) throws {
    for text in ["OPENAI_API_KEY=sk-0a1b2c3d\n" + lines, lines + "\nOPENAI_API_KEY=sk-0a1b2c3d"] {
      let plan = try plan(text)
      #expect(plan.stored.isEmpty)
      #expect(plan.lines.contains { $0.hasPrefix("failed: ") })
    }
  }

  @Test func aRefusalSaysWhichLinesAreMeant() throws {
    #expect(
      try plan("OPENAI_API_KEY=sk-0a1b2c3d\nOPENAI_BASE_URL=https://user@h.example").lines == [
        "failed: its endpoint on line 2 is refused",
        "failed: the URL must not contain a user name or password",
      ])
    #expect(
      try plan("OPENAI_API_KEY=sk-0a1b2c3d\nBASE_URL=https://r.example").lines == [
        "failed: BASE_URL on line 2 may be its endpoint: call it OPENAI_BASE_URL if it is, "
          + "else leave that line out", "not a provider",
      ])
  }

  @Test(arguments: [
    "OPENAI_BASE_URL=", "OPENAI_BASE_URL=#optional", "OPENAI_PROXY=true",
    "OPENAI_PROXY=socks5://h:1",
    "BASE_URL=http://localhost:3000", "BASE_URL=/", "BASE_URL=https://api.openai.com",
    "OPENAI_API_BASE_URL=https://api.openai.com/v1", "AZURE_ENDPOINT=https://x.openai.azure.com",
    "GOOGLE_CALLBACK_URL=https://app.example/callback", "OPENAI_API_BASE_URLS=;",
  ])
  func whatIsNoEndpointOfAnotherHostLeavesTheKeyToItsProvider(_ line: String) throws {
    #expect(try plan("OPENAI_API_KEY=sk-0a1b2c3d\n" + line).stored == ["openai/default"])
  }

  @Test func twoKeysOfOneProviderHaveTheEndpointsWithTheirNames() throws {
    let plan = try plan(
      """
      AZURE_API_KEY=0a1b2c3d
      AZURE_ENDPOINT=https://a.openai.azure.com
      AZURE_OPENAI_API_KEY=4e5f6g7h
      AZURE_OPENAI_ENDPOINT=https://b.openai.azure.com
      """)
    #expect(
      plan.stored == [
        "azure-openai/default https://b.openai.azure.com",
        "azure-openai/azure-api-key https://a.openai.azure.com",
      ])
  }

  @Test func anEndpointOfAnotherKeyIsNotTakenAndThatIsSaid() throws {
    let plan = try plan(
      "GEMINI_API_KEY=AIza0a1b2c\nGOOGLE_API_KEY=AIza3d4e5f\nGOOGLE_URL=https://r.example")
    #expect(plan.stored == ["google/default", "google/r.example https://r.example"])
    #expect(
      plan.lines[0] == "imported as google/default (not for the endpoint of line 3)")
  }

  @Test func keysOfSeveralProvidersAtOneHostKeepApart() throws {
    let plan = try plan(
      """
      OPENAI_API_KEY=sk-0a1b2c3d
      OPENAI_BASE_URL=https://r.example/v1
      DEEPSEEK_API_KEY=sk-4e5f6g7h
      DEEPSEEK_URL=https://r.example/deepseek
      """)
    #expect(
      plan.stored == [
        "custom/r.example https://r.example/v1",
        "custom/r.example-deepseek https://r.example/deepseek",
      ])
  }

  @Test func listsAreTakenPairByPair() throws {
    let plan = try plan(
      """
      OPENAI_API_BASE_URLS="https://api.openai.com/v1;https://r.example/v1;http://10.0.0.5:8000/v1"
      OPENAI_API_KEYS="sk-0a1b2c3d;sk-4e5f6g7h;"
      """)
    #expect(
      plan.stored == [
        "openai/default", "custom/r.example https://r.example/v1",
        "custom/10.0.0.5-8000 http://10.0.0.5:8000/v1",
      ])
    #expect(
      plan.lines == [
        "endpoint of custom/r.example: https://r.example/v1; "
          + "endpoint of custom/10.0.0.5-8000: http://10.0.0.5:8000/v1",
        "imported as openai/default; imported as custom/r.example; "
          + "imported as custom/10.0.0.5-8000 (without a key)",
      ])
    #expect(plan.report(.allImported).summary.hasPrefix("3 imported,"))
  }

  @Test func oneKeyIsForTheFirstEndpointOfAList() throws {
    let plan = try plan(
      "OPENAI_API_KEY=sk-0a1b2c3d\n"
        + "OPENAI_API_BASE_URLS=https://r.example/v1;https://api.openai.com/v1"
    )
    #expect(plan.stored == ["custom/r.example https://r.example/v1"])
  }

  @Test func severalKeysInOneValueAreSeveralKeys() throws {
    let plan = try plan("OPENAI_API_KEY=sk-0a1b2c3d, sk-4e5f6g7h")
    #expect(plan.stored == ["openai/default", "openai/openai-api-key-2"])
    let lesser = try self.plan(
      "OPENAI_API_KEYS=sk-0a1b2c3d;sk-4e5f6g7h\nOPENAI_API_KEY=sk-8i9j0k1l")
    #expect(
      lesser.stored == ["openai/default", "openai/openai-api-keys-1", "openai/openai-api-keys-2"])
  }

  @Test func moreKeysThanEndpointsAreRefused() throws {
    let plan = try plan(
      "OPENAI_API_KEYS=sk-0a1b2c3d;sk-4e5f6g7h;sk-8i9j0k1l\n"
        + "OPENAI_API_BASE_URLS=https://a.example;https://b.example")
    #expect(plan.candidates.count == 2)
    #expect(plan.lines[0].hasSuffix("failed: line 2 has fewer endpoints than this has keys"))
  }

  @Test func anAzureKeyUnderOpenAIsNameIsOneOfAzure() throws {
    #expect(
      try plan(
        "OPENAI_API_TYPE=azure\nOPENAI_API_KEY=0a1b2c3d\nOPENAI_API_BASE=https://r.openai.azure.com"
      ).stored == ["azure-openai/default https://r.openai.azure.com"])
    #expect(
      try plan("OPENAI_API_KEY=0a1b2c3d\nOPENAI_API_BASE=https://openai.azure.com.example").stored
        == ["custom/openai.azure.com.example https://openai.azure.com.example"])
  }

  @Test func anEndpointThatNeedsNoKeyIsShown() throws {
    #expect(
      try plan("OLLAMA_HOST=0.0.0.0").lines == [
        "imported as ollama/default (http://127.0.0.1:11434)"
      ])
  }

  @Test func severalOllamasNeedNoKeys() throws {
    #expect(
      try plan("OLLAMA_BASE_URLS=http://a.example:11434;http://b.example:11434").stored == [
        "ollama/default http://a.example:11434", "ollama/b.example-11434 http://b.example:11434",
      ])
  }

  private func plan(_ text: String) throws -> ImportPlan {
    ImportPlan(
      try DotEnvFile(parsing: SecretBytes(utf8: text)).entries, catalogue: .standard)
  }
}

extension ImportPlan {
  fileprivate var lines: [String] { lines(as: .allImported) }
}
