import Foundation
import Providers
import Testing

@testable import ChatelaineCLI

@Suite struct PortalAddressTests {
  @Test(arguments: [
    ("https://keys.example.org", "https://keys.example.org"),
    ("HTTPS://Keys.Example.org:8443/", "https://keys.example.org:8443"),
    ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ("http://localhost:8080/", "http://localhost:8080"), ("http://[::1]:80", "http://[::1]:80"),
  ])
  func aPortalIsAnOrigin(_ row: (text: String, address: String)) throws {
    #expect(try PortalAddress(row.text).description == row.address)
  }

  @Test(arguments: [
    "http://keys.example.org", "http://10.0.0.1:8080", "http://127.0.0.1.example.org",
    "http://localhost.example.org", "http://[2001:db8::1]",
  ])
  func nothingGoesInTheClearToAnotherMachine(_ text: String) {
    let error = #expect(throws: CommandError.self) { try PortalAddress(text) }
    #expect(error?.description.contains("must be https") == true)
  }

  @Test(arguments: [
    "", "keys.example.org", "ftp://keys.example.org", "https://", "https://a@keys.example.org",
    "https://keys.example.org/path", "https://keys.example.org?x", "https://keys.example.org#x",
    "https://keys.example.org:0", "https://keys.example.org:70000",
  ])
  func whatIsNoOriginIsRefused(_ text: String) {
    #expect(throws: CommandError.self) { try PortalAddress(text) }
  }
}

@Suite struct RunEnvironmentTests {
  private static let proxy = "https://keys.example.org/proxy"

  private func choice(_ text: String) throws -> ProviderChoice {
    try #require(ProviderChoice(argument: text))
  }

  @Test func eachProviderHasItsVariables() throws {
    let choices = try ["openai", "anthropic", "google"].map(choice)
    let variables = try RunEnvironment(choices, proxy: Self.proxy).variables(
      from: ["PATH": "/bin"], token: "chat_x")
    #expect(
      variables == [
        "PATH": "/bin", "OPENAI_BASE_URL": "\(Self.proxy)/openai/v1",
        "OPENAI_API_BASE": "\(Self.proxy)/openai/v1", "OPENAI_API_KEY": "chat_x",
        "ANTHROPIC_BASE_URL": "\(Self.proxy)/anthropic",
        "ANTHROPIC_API_BASE": "\(Self.proxy)/anthropic", "ANTHROPIC_API_KEY": "chat_x",
        "GOOGLE_GEMINI_BASE_URL": "\(Self.proxy)/google", "GEMINI_API_KEY": "chat_x",
        "CHATELAINE_TOKEN": "chat_x",
      ])
  }

  @Test func keysOfTheCallersOwnStayBehind() throws {
    let choices = try ["anthropic", "google"].map(choice)
    let inherited = [
      "ANTHROPIC_API_KEY": "sk-ant-own", "ANTHROPIC_AUTH_TOKEN": "own", "CLAUDE_API_KEY": "own",
      "GOOGLE_API_KEY": "own", "GOOGLE_GENAI_USE_VERTEXAI": "true",
      "ANTHROPIC_PROXY": "kept", "CHATELAINE_TOKEN": "chat_own", "OPENAI_API_KEY": "sk-kept",
    ]
    let variables = try RunEnvironment(choices, proxy: Self.proxy).variables(
      from: inherited, token: "chat_x")
    #expect(!variables.values.contains { $0.contains("own") || $0 == "true" })
    // A provider that was not chosen is none of this run's business.
    #expect(variables["OPENAI_API_KEY"] == "sk-kept" && variables["ANTHROPIC_PROXY"] == "kept")
  }

  @Test func anEndpointOfOnesOwnIsReadFromOpenAIsVariables() throws {
    let choices = [try choice("custom/lab")]
    let variables = try RunEnvironment(choices, proxy: Self.proxy).variables(
      from: ["OPENAI_API_KEY": "sk-own", "OPENAI_ORG_ID": "org-own"], token: "chat_x")
    #expect(variables["OPENAI_BASE_URL"] == "\(Self.proxy)/custom/lab/v1")
    #expect(variables["OPENAI_API_KEY"] == "chat_x")
    #expect(variables["OPENAI_ORG_ID"] == nil)
    #expect(throws: CommandError.self) {
      try RunEnvironment(choices + [try choice("openai")], proxy: Self.proxy)
    }
  }

  /// docs/cli.md names what `run` sets and takes away.
  @Test func theDocumentationHasTheSameTable() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../../docs/cli.md")
    let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    for provider in ProviderCatalogue.standard.providers {
      guard let program = provider.program else { continue }
      let name = provider.id == ProviderChoice.custom ? "custom/LABEL" : provider.id
      let row = lines.first { $0.hasPrefix("| \(name) |") } ?? ""
      for variable in program.address.keys + program.key + (program.without ?? []) {
        #expect(row.contains("`\(variable)`"), "\(name): \(variable)")
      }
    }
  }

  @Test(arguments: ["", "nonesuch", "openai/work", "custom", "custom/", "voyage"])
  func whatNoProgramReadsIsNoChoice(_ text: String) {
    #expect(ProviderChoice(argument: text) == nil)
  }

  @Test(arguments: [("60s", 60), ("30m", 1_800), ("1h", 3_600), ("1d", 86_400)])
  func aTokensLifeIsWrittenWithAUnit(_ row: (text: String, seconds: Int)) {
    #expect(TokenLifetime(argument: row.text)?.seconds == row.seconds)
  }

  @Test(arguments: ["", "h", "0s", "59s", "25h", "2d", "1w", "-1h", "3600", "9999999999999999999d"])
  func andIsAMinuteToADay(_ text: String) {
    #expect(TokenLifetime(argument: text) == nil)
  }
}

@Suite struct ExportNamesTests {
  @Test func everyKeyHasANameOfItsOwn() throws {
    let catalogue = ProviderCatalogue.standard
    let openai = try #require(catalogue.provider(id: "openai"))
    let custom = try #require(catalogue.provider(id: "custom"))
    let voyage = try #require(catalogue.provider(id: "voyage"))
    var names = ExportNames()
    #expect(names.names(of: openai, label: "default") == ("OPENAI_API_KEY", "OPENAI_BASE_URL"))
    #expect(
      names.names(of: openai, label: "work") == ("OPENAI_API_KEY_WORK", "OPENAI_BASE_URL_WORK"))
    #expect(
      names.names(of: openai, label: "a.b") == ("OPENAI_API_KEY_A_B", "OPENAI_BASE_URL_A_B"))
    #expect(
      names.names(of: openai, label: "a-b") == ("OPENAI_API_KEY_A_B_2", "OPENAI_BASE_URL_A_B_2"))
    #expect(names.names(of: custom, label: "lab") == ("LAB_API_KEY", "LAB_BASE_URL"))
    #expect(names.names(of: custom, label: "2nd") == ("_2ND_API_KEY", "_2ND_BASE_URL"))
    #expect(names.names(of: voyage, label: "default") == ("VOYAGE_API_KEY", "VOYAGE_BASE_URL"))
  }
}

@Suite struct AuditLineTests {
  @Test func whatOthersWroteDoesNotSteerTheTerminal() {
    let line = AuditLine([
      "time": "2026-12-01T10:00:00Z", "outcome": "DENIED", "action": "credential.resolve",
      "sequence": "7", "actor": ["name": "a\u{1B}]0;x\u{7}@example.org"],
      "target": ["type": "provider-config", "name": "openai/\u{202E}default\n"],
    ])
    #expect(line.sequence == 7)
    #expect(
      line.text == "2026-12-01T10:00:00Z  denied   credential.resolve  "
        + "provider-config openai/\u{FFFD}default\u{FFFD}  by a\u{FFFD}]0;x\u{FFFD}@example.org")
  }

  @Test(arguments: ["2026-12-01T10:00:00Z", "2026-12-01T10:00:00+02:00", "2026-12-01", "90s", "7d"])
  func aMomentIsADateATimeOrSoLongAgo(_ text: String) throws {
    let moment = try #require(AuditMoment(argument: text))
    #expect((try? Date(moment.text, strategy: .iso8601)) != nil, "\(moment.text)")
  }

  @Test(arguments: ["", "yesterday", "d", "-1d", "nand", "infd", "1e99d", "2026-13-01"])
  func andNothingElse(_ text: String) {
    #expect(AuditMoment(argument: text) == nil)
  }
}

@Suite struct PortalAnswerTests {
  /// Says of each page that another comes.
  private struct EndlessPortal: PortalSession {
    func call(
      _ method: String, _ path: String, _ body: [String: Any]?, headers: [String]
    ) throws -> [String: Any] {
      ["nextPageToken": "more"]
    }
  }

  @Test func aListThatDoesNotEndIsGivenUp() {
    let error = #expect(throws: CommandError.self) {
      try EndlessPortal().pages("/api/v1/things") { _ in true }
    }
    #expect(error?.description.contains("\(PortalPages.countMax) pages") == true)
  }

  @Test func whatAPortalSaysDoesNotSteerTheTerminal() {
    let text = #"{"detail":"no\u001b[2J","errors":[{"field":"a\u202e","detail":"b\r"}]}"#
    let problem = PortalProblem(PortalConnection.Answer(status: 400, body: Array(text.utf8)))
    #expect(problem.description == "no\u{FFFD}[2J; a\u{FFFD} b\u{FFFD}")
  }
}

@Suite struct ForwardedSignalsTests {
  @Test func aSignalThatComesBeforeTheProgramEndsTheCommand() async {
    let status = await withCheckedContinuation { continuation in
      // A thread of its own: the signals stay held back on it.
      Thread.detachNewThread {
        let signals = ForwardedSignals.hold()
        let before = signals.statusOfPending()
        raise(SIGUSR1)
        continuation.resume(returning: [before, signals.statusOfPending()])
      }
    }
    #expect(status == [nil, 128 + SIGUSR1])
  }
}
