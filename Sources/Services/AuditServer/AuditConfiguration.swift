import Callers
import Cryptography
import ServiceRuntime
import TransparencyLog

/// The audit log's settings.
struct AuditConfiguration: ServiceConfiguration {
  static let name = "audit"

  let database: DatabaseConfiguration
  let assertionKeys: [Ed25519.VerifyingKey]
  /// Reads them again, as they are in their file now.
  let readAssertionKeys: @Sendable () throws -> [Ed25519.VerifyingKey]
  /// Nil: the log is kept and not signed.
  let logSigner: LogSigner?

  init(from reader: inout ConfigurationReader) throws(ConfigurationError) {
    let database = DatabaseConfiguration(from: &reader)
    let assertionKeys = Self.assertionKeys(&reader)
    readAssertionKeys = { [again = reader.again] in
      var reader = again
      let keys = Self.assertionKeys(&reader)
      try reader.finish()
      return try reader.require(keys)
    }
    let logKey = reader.optionalSecret(
      "LOG_SIGNING_KEY",
      doc:
        "Ed25519 private key (PKCS #8 PEM) that signs the log's checkpoints; keep it for as long "
        + "as the log. Without it nobody can verify the log.")
    logSigner = Self.signer(logKey, &reader)
    self.database = try reader.require(database)
    self.assertionKeys = try reader.require(assertionKeys)
  }

  private static func assertionKeys(
    _ reader: inout ConfigurationReader
  ) -> [Ed25519.VerifyingKey]? {
    reader.text(AssertionKeys.variable, doc: AssertionKeys.doc, parse: AssertionKeys.parse)
  }

  private static func signer(
    _ pem: SecretBytes?, _ reader: inout ConfigurationReader
  ) -> LogSigner? {
    guard let pem else { return nil }
    do {
      return LogSigner(key: try Ed25519.SigningKey(pem: pem))
    } catch {
      reader.refuse("LOG_SIGNING_KEY", "is not an Ed25519 private key in PEM")
      return nil
    }
  }
}
