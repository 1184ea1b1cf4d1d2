import Cryptography
import DotEnv
import Foundation
import Providers
import Testing

@testable import ChatelaineCLI
@testable import EnvImport

@Suite struct ImportReportTests {
  private static let file = """
    # comment
    OPENAI_API_KEY=sk-canary-one-0a1b
    PRIVATE_KEY="-----BEGIN-----
    canary-two
    -----END-----"
    Y2FuYXJ5dGhyZWU==
    canary four
    OTHER=canary-five

    """

  @Test func everyEntryHasALineInTheOrderOfTheFile() throws {
    let report = try plan().report(.allImported)
    #expect(
      report.lines == [
        "line 2     OPENAI_API_KEY  imported as openai/default",
        "lines 3-5  PRIVATE_KEY     not a provider",
        "line 6     -               not a provider",
        "line 7     -               malformed: is not NAME=value",
        "line 8     OTHER           not a provider",
      ])
    #expect(report.summary == "1 imported, 0 already there, 3 not a provider, 1 malformed")
    #expect(!report.isClean)
  }

  @Test func aRehearsalSaysSo() throws {
    let report = try plan().report(.allImported, isRehearsal: true)
    #expect(report.lines[0].hasSuffix("would be imported as openai/default"))
    #expect(report.summary.hasPrefix("1 would be imported,"))
    #expect(report.summary.hasSuffix("; nothing was stored"))
  }

  @Test func whatTheVaultAnswersIsReported() throws {
    #expect(try plan().report(.allThere).lines[0].hasSuffix("already there: openai/default"))
    let conflict = try plan().report(.allConflicts)
    #expect(
      conflict.lines[0].contains(
        "conflict: another key or endpoint is stored as openai/default; to replace it: "
          + "--on-conflict replace"))
    #expect(!conflict.isClean && !conflict.hasStored)
    #expect(try plan().report(.allThere).hasStored)
  }

  @Test func theReportIsAlsoJSON() throws {
    let report = try plan().report(.allImported)
    #expect(report.json.count == report.lines.count + 1)
    for line in report.json {
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      #expect(object != nil)
      #expect(!line.contains("canary"))
    }
    #expect(report.json.last?.contains(#""imported":1"#) == true)
  }

  @Test func nothingOfAnyValueIsPrinted() throws {
    for answer in [ImportPlan.Answer.allImported, .allThere, .allConflicts] {
      let report = try plan().report(answer)
      let text = (report.lines + [report.summary]).joined(separator: "\n")
      #expect(!text.contains("canary") && !text.contains("Y2Fu"))
    }
  }

  @Test func onlyAMalformedOrFailedLineMakesTheReportUnclean() throws {
    let clean = ImportPlan(
      try DotEnvFile(parsing: SecretBytes(utf8: "OPENAI_API_KEY=sk-0a1b2c3d\nA=1")).entries,
      catalogue: .standard)
    #expect(clean.report(.allImported).isClean)
    #expect(clean.report(.allThere).isClean)
    #expect(!clean.report(.allConflicts).isClean)
  }

  private func plan() throws -> ImportPlan {
    ImportPlan(
      try DotEnvFile(parsing: SecretBytes(utf8: Self.file)).entries, catalogue: .standard)
  }
}
