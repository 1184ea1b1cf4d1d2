import Foundation

/// The directory of one local deployment, and what each file in it is.
///
/// ```
/// lock                             held by the running `chatelaine up`
/// postgres/                        the database cluster (PostgresCluster)
/// certificates/ca.pem, ca.key      the development authority
/// certificates/<name>.pem, .key    auth, vault, audit, gateway, operator
/// secrets/master.key               32 random bytes, base64: what every stored key depends on
/// secrets/assertion-signing.pem    Ed25519, auth's
/// secrets/assertion-public.pem     its public half, for vault and audit
/// secrets/<role>.password          database passwords
/// secrets/<role>.database-url      connection strings, written anew at each start
/// logs/<service>.log, .log.1       capped; postgres logs beside its data
/// run/endpoints.json               addresses and process ids while running
/// run/<service>.ready              written by a service once it serves
/// ```
///
/// The directory has mode 0700, or 0710 with the group of the `postgres` user when root runs it, so
/// that PostgreSQL reaches its own directory and nothing else. Files are 0600, certificates 0644.
package struct StateDirectory: Sendable {
  /// Where `up` and the other commands look without `--state-dir`.
  package static let pathDefault = ".chatelaine"

  package let path: String

  /// - Parameter path: made absolute; nothing is created.
  package init(_ path: String) {
    self.path = URL(fileURLWithPath: path).standardizedFileURL.resolvingSymlinksInPath().path
  }

  package var certificates: String { path + "/certificates" }
  package var masterKeyFile: String { path + "/secrets/master.key" }
  package var endpointsFile: String { path + "/run/endpoints.json" }
  var lockFile: String { path + "/lock" }
  var secrets: String { path + "/secrets" }
  var logs: String { path + "/logs" }
  var run: String { path + "/run" }
  var assertionSigningKeyFile: String { path + "/secrets/assertion-signing.pem" }
  var assertionPublicKeysFile: String { path + "/secrets/assertion-public.pem" }

  package func log(of service: String) -> String { "\(logs)/\(service).log" }
  func readyFile(of service: String) -> String { "\(run)/\(service).ready" }
  func passwordFile(of role: String) -> String { "\(secrets)/\(role).password" }
  func databaseURLFile(of role: String) -> String { "\(secrets)/\(role).database-url" }

  /// The certificate files of a service or of `operator`, whether or not they are there yet.
  package func certificatePaths(of name: String) -> CertificatePaths {
    CertificatePaths(
      certificate: "\(certificates)/\(name).pem", privateKey: "\(certificates)/\(name).key",
      authority: "\(certificates)/ca.pem")
  }

  /// The database cluster of this deployment; `start` it only when nobody else runs it.
  package func cluster(durability: PostgresCluster.Durability = .full) throws -> PostgresCluster {
    try PostgresCluster(directory: path + "/postgres", durability: durability)
  }

  /// Creates the directory, its parents and its subdirectories with their modes.
  func create() throws {
    let parent = URL(fileURLWithPath: path).deletingLastPathComponent().path
    do {
      try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
    } catch {
      throw DeploymentError.file(path: parent, reason: "cannot be created")
    }
    try SecretFile.makeDirectory(path)
    try ClusterAccount().allowTraversal(path)
    for directory in [certificates, secrets, logs, run] { try SecretFile.makeDirectory(directory) }
  }
}
