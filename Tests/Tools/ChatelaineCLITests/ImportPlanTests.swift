import Cryptography
import DotEnv
import Providers
import Testing

@testable import ChatelaineCLI

@Suite struct ImportPlanTests {
  @Test func keysFindTheirProvidersAndTheRestIsLeftAlone() throws {
    let plan = try plan(
      """
      OPENAI_API_KEY=sk-one
      GEMINI_API_KEY=two
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

  @Test func anEndpointMayComeBeforeOrAfterItsKey() throws {
    for text in [
      "AZURE_OPENAI_API_KEY=k\nAZURE_OPENAI_ENDPOINT=https://x.openai.azure.com/",
      "AZURE_OPENAI_ENDPOINT=https://x.openai.azure.com/\nAZURE_OPENAI_API_KEY=k",
    ] {
      let plan = try plan(text)
      #expect(plan.stored == ["azure-openai/default https://x.openai.azure.com"])
      #expect(
        Set(plan.lines(as: .allImported)) == [
          "imported as azure-openai/default",
          "endpoint of azure-openai/default: https://x.openai.azure.com",
        ])
    }
  }

  @Test func anOpenAIKeyForAnotherHostIsNotAKeyOfOpenAI() throws {
    let plan = try plan(
      "OPENAI_API_KEY=sk-x\nOPENAI_BASE_URL=https://llm.example.org:8443/v1")
    #expect(
      plan.stored == ["custom/llm.example.org-8443 https://llm.example.org:8443/v1"])
  }

  @Test(arguments: ["https://api.openai.com/v1", "https://API.openai.com:443"])
  func theProvidersOwnEndpointChangesNothing(_ url: String) throws {
    let plan = try plan("OPENAI_API_KEY=sk-x\nOPENAI_BASE_URL=\(url)")
    #expect(plan.stored == ["openai/default"])
    #expect(plan.lines(as: .allImported)[1] == "skipped: the provider's own endpoint")
  }

  @Test func aKeyWhoseEndpointIsMalformedIsNotStoredWithoutIt() throws {
    let plan = try plan("OPENAI_API_KEY=sk-x\nOPENAI_BASE_URL=https://user@h.example")
    #expect(plan.stored.isEmpty)
    #expect(
      plan.lines(as: .allImported) == [
        "failed: its endpoint on line 2 is refused",
        "failed: the URL must not contain a user name or password",
      ])
  }

  @Test func aProviderWithKeysInItsOwnHeaderKeepsItsNameAtAnotherHost() throws {
    let plan = try plan("ANTHROPIC_API_KEY=sk-ant-x\nANTHROPIC_BASE_URL=https://h.example")
    #expect(plan.stored == ["anthropic/default https://h.example"])
  }

  @Test func aProviderThatNeedsAnEndpointIsRefusedWithoutOne() throws {
    let plan = try plan("AZURE_OPENAI_API_KEY=k")
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

  @Test func anEndpointWithoutItsKeyIsSkipped() throws {
    let plan = try plan("OPENAI_BASE_URL=http://localhost:8000")
    #expect(plan.stored.isEmpty)
    #expect(plan.lines(as: .allImported) == ["skipped: no key beside it"])
  }

  @Test func theSameKeyTwiceIsStoredOnceAndAnotherOneIsAConflict() throws {
    let same = try plan("GEMINI_API_KEY=k\nGOOGLE_API_KEY=k")
    #expect(same.stored == ["google/default"])
    #expect(same.lines(as: .allImported)[1] == "already there: as line 1")
    let other = try plan("GEMINI_API_KEY=k\nGOOGLE_API_KEY=j")
    #expect(other.stored == ["google/default"])
    #expect(
      other.lines(as: .allImported)[1]
        == "conflict: line 1 gives another key for google/default")
    #expect(!other.report(.allImported).isClean)
  }

  @Test(arguments: [
    "", "<your key>", "your-openai-key-here", "your_api_key", "sk-...", "changeme",
    "sk-xxxxxxxxxxxxxxxx",
  ])
  func whatIsNoKeyIsSkipped(_ value: String) throws {
    let plan = try plan("OPENAI_API_KEY='\(value)'")
    #expect(plan.stored.isEmpty)
    #expect(plan.report(.allImported).isClean)
  }

  @Test(arguments: ["sk-proj-Your7xxxQ", "yourself-0123", "sk-none"])
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

  fileprivate var stored: [String] {
    candidates.map { candidate in
      let target = "\(candidate.provider.id)/\(candidate.label)"
      return candidate.baseURL.map { "\(target) \($0)" } ?? target
    }
  }

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
  fileprivate func lines(as answer: Answer) -> [String] {
    report(answer).lines.map { line in
      let columns = line.split(separator: "  ").map { $0.drop { $0 == " " } }
      return columns.dropFirst(2).joined(separator: "  ")
    }
  }
}
