import Addresses
import Callers
import Cryptography
import Providers
import ServiceRuntime
import Vault

/// The vault's settings.
struct VaultConfiguration: ServiceConfiguration {
  static let name = "vault"

  let database: DatabaseConfiguration
  let keyring: Keyring
  /// Reads the master keys again, as they are in their files now.
  let readKeyring: @Sendable () throws -> Keyring
  let assertionKeys: [Ed25519.VerifyingKey]
  /// Reads them again, as they are in their file now.
  let readAssertionKeys: @Sendable () throws -> [Ed25519.VerifyingKey]
  let auditAddresses: [NetworkAddress]
  /// Configurations of one user.
  let configsMax: Int
  /// Refusals in a row that put a key into quarantine; 0 never does.
  let refusalsMax: Int
  /// Whether owners may have their keys shown.
  let revealsKeys: Bool
  /// For providers of which a user has no key.
  let operatorKeys: OperatorKeys

  init(from reader: inout ConfigurationReader) throws(ConfigurationError) {
    let database = DatabaseConfiguration(from: &reader)
    let keys = Self.masterKeys(&reader)
    readKeyring = { [again = reader.again] in
      var reader = again
      let keys = Self.masterKeys(&reader)
      try reader.finish()
      return try reader.require(keys)
    }
    let assertionKeys = Self.assertionKeys(&reader)
    readAssertionKeys = { [again = reader.again] in
      var reader = again
      let keys = Self.assertionKeys(&reader)
      try reader.finish()
      return try reader.require(keys)
    }
    auditAddresses = reader.addresses(of: "audit", "AUDIT_ADDRESS")
    configsMax = reader.integer(
      "PROVIDER_CONFIGS_PER_USER_MAX", default: VaultService.configsPerUserMaxDefault,
      in: 1...100_000, doc: "How many provider keys one user may store.")
    refusalsMax = reader.integer(
      "KEY_REFUSALS_MAX", default: VaultService.refusalsMaxDefault, in: 0...10_000,
      doc:
        "How often in a row a provider may refuse a key before it goes into quarantine and isn't "
        + "used; 0 never.")
    revealsKeys =
      reader.parsed(
        "KEY_REVEAL", default: "on",
        doc:
          "Whether people may have their own stored keys shown, after their password: on or off. "
          + "'chatelaine env export' needs it.", expected: "on or off"
      ) { ["on": true, "off": false][$0] } ?? false
    operatorKeys = Self.operatorKeys(&reader)
    self.database = try reader.require(database)
    keyring = try reader.require(keys)
    self.assertionKeys = try reader.require(assertionKeys)
  }

  private static func assertionKeys(
    _ reader: inout ConfigurationReader
  ) -> [Ed25519.VerifyingKey]? {
    reader.text(AssertionKeys.variable, doc: AssertionKeys.doc, parse: AssertionKeys.parse)
  }

  private static func masterKeys(_ reader: inout ConfigurationReader) -> Keyring? {
    let variable = "ENCRYPTION_MASTER_KEY"
    let text = reader.secret(
      variable,
      doc:
        "32 random bytes as base64 or hexadecimal; every key stored is sealed under it. Others on "
        + "further lines only open. A changed file is taken into use within seconds.",
      parse: { $0 })
    let previous = reader.optionalSecret(
      "ENCRYPTION_PREVIOUS_MASTER_KEYS",
      doc: "Former master keys, one per line, needed until everything is sealed under the new.")
    guard let text else { return nil }
    let keys =
      parsed(text, variable, &reader)
      + parsed(previous, "ENCRYPTION_PREVIOUS_MASTER_KEYS", &reader)
    guard let current = keys.first else {
      reader.refuse(variable, "holds no key")
      return nil
    }
    return Keyring(current: current, previous: Array(keys.dropFirst()))
  }

  /// A listed provider's key is in the first of its usual variables that is set.
  private static func operatorKeys(_ reader: inout ConfigurationReader) -> OperatorKeys {
    let variable = OperatorKeyVariables.setting
    let providers = reader.list(
      variable,
      doc:
        "Providers whose keys of your own, in the vault's environment (OPENAI_API_KEY, …), are "
        + "used for users who have none, with commas between them.")
    var keys: [String: SecretBytes] = [:]
    for id in providers {
      let names = OperatorKeyVariables.of(id, catalogue: .standard)
      guard !names.isEmpty else {
        reader.refuse(variable, "names '\(id)', which is no provider with a variable for its key")
        continue
      }
      for name in names where keys[id] == nil {
        keys[id] = reader.optionalSecret(name, doc: "Your own key of \(id).")
      }
      if keys[id] == nil { reader.refuse(variable, "names '\(id)', and \(names[0]) is not set") }
    }
    do throws(VaultError) {
      return try OperatorKeys(keys)
    } catch {
      if case .invalid(_, let reason) = error { reader.refuse(variable, reason) }
      return OperatorKeys()
    }
  }

  private static func parsed(
    _ text: SecretBytes?, _ variable: String, _ reader: inout ConfigurationReader
  ) -> [MasterKey] {
    guard let text else { return [] }
    var keys: [MasterKey] = []
    let lines = text.withUnsafeBytes { bytes in
      bytes.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D || $0 == 0x2C })
        .map { SecretBytes(copying: UnsafeRawBufferPointer(rebasing: $0)) }
    }
    for (index, line) in lines.enumerated() {
      do {
        keys.append(try MasterKey(parsing: line))
      } catch {
        reader.refuse(variable, lines.count == 1 ? "\(error)" : "key \(index + 1): \(error)")
      }
    }
    return keys
  }
}
