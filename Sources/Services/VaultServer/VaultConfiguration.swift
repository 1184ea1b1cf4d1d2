import Addresses
import Callers
import Cryptography
import ServiceRuntime
import Vault

/// The vault's settings.
struct VaultConfiguration: ServiceConfiguration {
  static let name = "vault"

  let database: DatabaseConfiguration
  let keyring: Keyring
  let assertionKeys: [Ed25519.VerifyingKey]
  let auditAddresses: [NetworkAddress]

  init(from reader: inout ConfigurationReader) throws(ConfigurationError) {
    let database = DatabaseConfiguration(from: &reader)
    let masterKey = reader.secret(
      "ENCRYPTION_MASTER_KEY",
      doc: "32 random bytes as base64 or hexadecimal; every key stored is sealed under it.",
      parse: { try MasterKey(parsing: $0) })
    let previous = Self.previousKeys(
      reader.optionalSecret(
        "ENCRYPTION_PREVIOUS_MASTER_KEYS",
        doc: "Former master keys, one per line, needed until everything is sealed under the new."),
      &reader)
    let assertionKeys = reader.text(
      AssertionKeys.variable, doc: AssertionKeys.doc, parse: AssertionKeys.parse)
    auditAddresses = reader.addresses(of: "audit", "AUDIT_ADDRESS")
    self.database = try reader.require(database)
    keyring = Keyring(current: try reader.require(masterKey), previous: previous)
    self.assertionKeys = try reader.require(assertionKeys)
  }

  private static func previousKeys(
    _ text: SecretBytes?, _ reader: inout ConfigurationReader
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
        reader.refuse("ENCRYPTION_PREVIOUS_MASTER_KEYS", "key \(index + 1): \(error)")
      }
    }
    return keys
  }
}
