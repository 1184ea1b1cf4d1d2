import Cryptography
import DotEnv
import Providers
import Testing

@testable import ChatelaineCLI
@testable import EnvImport

@Suite struct ImportPlanTests {
  @Test func keysFindTheirProvidersAndTheRestIsLeftAlone() throws {
    let plan = try plan(
      """
      OPENAI_API_KEY=sk-0a1b2c3d
      GEMINI_API_KEY=4e5f6g7h
      DATABASE_URL=postgres://x
      not a line
      """)
    #expect(plan.stored == ["openai/default", "google/default"])
    #expect(
      plan.lines(as: .allImported) == [
        "imported as openai/default",
        "imported as google/default (does not look like a key of Google Gemini)",
        "not a provider", "malformed: is not NAME=value",
      ])
  }

  @Test func anOpenAIKeyForAnotherHostIsNotAKeyOfOpenAI() throws {
    let plan = try plan(
      "OPENAI_API_KEY=sk-0a1b2c3d\nOPENAI_BASE_URL=https://llm.example.org:8443/v1")
    #expect(
      plan.stored == ["custom/llm.example.org-8443 https://llm.example.org:8443/v1"])
  }

  @Test(arguments: ["https://api.openai.com/v1", "https://API.openai.com:443"])
  func theProvidersOwnEndpointChangesNothing(_ url: String) throws {
    let plan = try plan("OPENAI_API_KEY=sk-0a1b2c3d\nOPENAI_BASE_URL=\(url)")
    #expect(plan.stored == ["openai/default"])
    #expect(plan.lines(as: .allImported)[1] == "skipped: the provider's own endpoint")
  }

  @Test func aProviderWithKeysInItsOwnHeaderKeepsItsNameAtAnotherHostButNotTheDefault() throws {
    let plan = try plan("ANTHROPIC_API_KEY=sk-ant-0a1b2c\nANTHROPIC_BASE_URL=https://h.example")
    #expect(plan.stored == ["anthropic/h.example https://h.example"])
    #expect(
      plan.lines(as: .allImported)[1] == "endpoint of anthropic/h.example: https://h.example")
  }

  @Test func aProviderThatNeedsAnEndpointIsRefusedWithoutOne() throws {
    let plan = try plan("AZURE_OPENAI_API_KEY=0a1b2c3d4e")
    #expect(plan.stored.isEmpty)
    #expect(
      plan.lines(as: .allImported) == [
        "failed: Azure OpenAI needs an endpoint: set AZURE_OPENAI_ENDPOINT"
      ])
  }

  @Test func ollamaNeedsNoKey() throws {
    #expect(
      try plan("OLLAMA_HOST=0.0.0.0").stored == ["ollama/default http://127.0.0.1:11434"])
    let both = try plan("OLLAMA_BASE_URL=http://o.example\nOLLAMA_HOST=http://o.example/")
    #expect(both.stored == ["ollama/default http://o.example"])
    #expect(both.lines(as: .allImported)[1] == "already there: as line 1")
  }

  @Test func whereAnOllamaListensIsNotWhereItIsReached() throws {
    for text in [
      "OLLAMA_HOST=http://0.0.0.0:11434\nOLLAMA_BASE_URL=http://10.0.0.5:11434",
      "OLLAMA_BASE_URL=http://10.0.0.5:11434\nOLLAMA_HOST=0.0.0.0",
      "OLLAMA_BASE_URL=http://10.0.0.5:11434\nOLLAMA_HOST=0.0.0.0\nOLLAMA_API_KEY=0a1b2c3d4e",
    ] {
      #expect(try plan(text).stored == ["ollama/default http://10.0.0.5:11434"])
    }
  }

  @Test func anEndpointWithoutItsKeyIsSkipped() throws {
    let plan = try plan("OPENAI_BASE_URL=http://localhost:8000")
    #expect(plan.stored.isEmpty)
    #expect(plan.lines(as: .allImported) == ["skipped: no key beside it"])
  }

  @Test func theSameKeyUnderTwoNamesIsStoredOnce() throws {
    let same = try plan("GEMINI_API_KEY=0a1b2c3d\nGOOGLE_API_KEY=0a1b2c3d")
    #expect(same.stored == ["google/default"])
    #expect(same.lines(as: .allImported)[1] == "already there: as line 1")
  }

  @Test func anotherKeyUnderALesserNameIsKeptUnderThatName() throws {
    for text in [
      "GEMINI_API_KEY=AIza0a1b2c\nGOOGLE_API_KEY=AIza3d4e5f",
      "GOOGLE_API_KEY=AIza3d4e5f\nGEMINI_API_KEY=AIza0a1b2c",
    ] {
      let plan = try plan(text)
      #expect(plan.stored == ["google/default", "google/google-api-key"])
      #expect(plan.keys == ["AIza0a1b2c", "AIza3d4e5f"])
    }
    let lines = try plan("HF_TOKEN=hf_0a1b2c\nHUGGINGFACE_API_KEY=hf_3d4e5f")
      .lines(as: .allImported)
    #expect(
      lines == [
        "imported as huggingface/default",
        "imported as huggingface/huggingface-api-key (line 1 has the key of huggingface/default)",
      ])
  }

  @Test func theKeyOfASearchEngineIsNotGeminis() throws {
    let plan = try plan(
      "GOOGLE_CSE_ID=0123\nGOOGLE_API_KEY=AIzaSearch01\nGEMINI_API_KEY=AIzaGemini02")
    #expect(plan.stored == ["google/default"])
    #expect(plan.keys == ["AIzaGemini02"])
    #expect(
      plan.lines(as: .allImported)[1]
        == "skipped: the key of the search engine that line 1 names")
    #expect(
      try self.plan("GOOGLE_CSE_ID=0\nGOOGLE_API_KEY=AIzaBoth03").stored == ["google/default"])
  }

  @Test func theLastLineWithANameCounts() throws {
    let plan = try plan(
      """
      OPENAI_API_KEY=sk-old-0001
      export OPENAI_API_KEY='sk-new-0002'
      OPENAI_BASE_URL=https://old.example
      OPENAI_BASE_URL=https://new.example
      """)
    #expect(plan.stored == ["custom/new.example https://new.example"])
    #expect(plan.keys == ["sk-new-0002"])
    #expect(
      plan.lines(as: .allImported) == [
        "skipped: line 2 sets it again, and the last one counts",
        "imported as custom/new.example",
        "skipped: line 4 sets it again, and the last one counts",
        "endpoint of custom/new.example: https://new.example",
      ])
    #expect(plan.report(.allImported).isClean)
  }

  @Test func aLastLineThatIsEmptyOrMalformedCountsToo() throws {
    #expect(try plan("OPENAI_API_KEY=sk-old-0001\nOPENAI_API_KEY=").stored.isEmpty)
    #expect(try plan("OPENAI_API_KEY=sk-old-0001\nOPENAI_API_KEY=${NEW}").stored.isEmpty)
  }

  @Test(arguments: [
    "", "<your key>", "sk-...", "changeme", "user_provided", "#your_key_here", "sk-1234", "dummy",
    "sk-0a", "none",
  ])
  func whatIsNoKeyIsSkipped(_ value: String) throws {
    let plan = try plan("OPENAI_API_KEY='\(value)'")
    #expect(plan.stored.isEmpty)
    #expect(plan.report(.allImported).isClean)
  }

  @Test func aReferenceIsRefusedAndNothingOfItPrinted() throws {
    let plan = try plan("OPENAI_API_KEY=op://canary/openai/credential")
    #expect(plan.stored.isEmpty)
    #expect(
      plan.lines(as: .allImported) == [
        "failed: refers to 1Password, where the key is kept: write the key itself"
      ])
  }

  @Test(arguments: ["sk-proj-Your7xxxQ", "yourself-0123"])
  func keysThatOnlyResembleAPlaceholderAreStored(_ value: String) throws {
    #expect(try plan("OPENAI_API_KEY=\(value)").stored == ["openai/default"])
  }

  @Test func labelsOfHostsFitTheVaultsRules() throws {
    for (url, label) in [
      ("https://llm.example.org", "llm.example.org"), ("http://localhost:8000", "localhost-8000"),
      ("http://[::1]:8000/v1", "--1-8000"), ("https://10.0.0.1", "10.0.0.1"),
    ] {
      #expect(ImportPlan.label(for: try EndpointURL(url)) == label)
    }
  }

  private func plan(_ text: String) throws -> ImportPlan {
    ImportPlan(
      try DotEnvFile(parsing: SecretBytes(utf8: text)).entries, catalogue: .standard)
  }
}

extension ImportPlan {
  enum Answer { case allImported, allThere, allConflicts }

  var stored: [String] {
    candidates.map { candidate in
      let target = "\(candidate.provider.id)/\(candidate.label)"
      return candidate.baseURL.map { "\(target) \($0)" } ?? target
    }
  }

  fileprivate var keys: [String] { candidates.map { $0.key.withUTF8String { $0 } } }

  func report(_ answer: Answer, isRehearsal: Bool = false) -> ImportReport {
    let outcome: ImportOutcome =
      switch answer {
      case .allImported: .imported
      case .allThere: .alreadyThere
      case .allConflicts: .conflict
      }
    return ImportReport(
      plan: self, outcomes: candidates.map { _ in outcome }, isRehearsal: isRehearsal)
  }

  /// The report without its first two columns.
  func lines(as answer: Answer) -> [String] {
    report(answer).lines.map { line in
      let columns = line.split(separator: "  ").map { $0.drop { $0 == " " } }
      return columns.dropFirst(2).joined(separator: "  ")
    }
  }
}
