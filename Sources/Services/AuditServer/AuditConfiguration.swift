import Callers
import Cryptography
import ServiceRuntime

/// The audit log's settings.
struct AuditConfiguration: ServiceConfiguration {
  static let name = "audit"

  let database: DatabaseConfiguration
  let assertionKeys: [Ed25519.VerifyingKey]

  init(from reader: inout ConfigurationReader) throws(ConfigurationError) {
    let database = DatabaseConfiguration(from: &reader)
    let assertionKeys = reader.text(
      AssertionKeys.variable, doc: AssertionKeys.doc, parse: AssertionKeys.parse)
    self.database = try reader.require(database)
    self.assertionKeys = try reader.require(assertionKeys)
  }
}
