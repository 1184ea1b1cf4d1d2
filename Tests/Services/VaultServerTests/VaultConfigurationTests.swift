import Cryptography
import ServiceRuntime
import Testing
import Vault

@testable import VaultServer

@Suite struct VaultConfigurationTests {
  private func problems(_ environment: [String: String]) -> [ConfigurationProblem] {
    var reader = ConfigurationReader(environment: environment)
    do {
      _ = try VaultConfiguration.load(&reader)
      return []
    } catch {
      return error.problems
    }
  }

  @Test func everythingThatIsMissingIsNamedAtOnce() {
    let named = Set(problems([:]).map(\.variable))
    #expect(
      named.isSuperset(of: [
        "DATABASE_URL", "ENCRYPTION_MASTER_KEY",
        "ASSERTION_PUBLIC_KEYS", "AUDIT_ADDRESS",
      ]))
    #expect(!named.contains("ENCRYPTION_PREVIOUS_MASTER_KEYS"))
  }

  @Test(arguments: [("on", true), ("off", true), ("yes", false), ("", true)])
  func keysAreShownOrNot(_ row: (text: String, isKnown: Bool)) {
    let named = problems(["KEY_REVEAL": row.text]).map(\.variable)
    #expect(named.contains("KEY_REVEAL") != row.isKnown)
  }

  @Test func weakKeysAreRefusedWithoutRepeatingThem() throws {
    let good = try MasterKey.generate().encodedForFile.withUTF8String { $0 }
    let weak = String(repeating: "ab", count: 32)
    let found = problems([
      "ENCRYPTION_MASTER_KEY": weak, "ENCRYPTION_PREVIOUS_MASTER_KEYS": good + weak + "\n",
    ])
    let master = found.filter { $0.variable == "ENCRYPTION_MASTER_KEY" }
    let previous = found.filter { $0.variable == "ENCRYPTION_PREVIOUS_MASTER_KEYS" }
    #expect(master.count == 1)
    #expect(previous.map { $0.reason.hasPrefix("key 2:") } == [true])
    #expect(!"\(found)".contains(weak))
  }
}
