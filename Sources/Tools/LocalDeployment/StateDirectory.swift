import Cryptography
import Foundation
import Postgres

/// The directory of one local deployment, and what each file in it is.
///
/// ```
/// lock                             held by the running `chatelaine up`
/// postgres/                        the database cluster (PostgresCluster)
/// certificates/ca.pem, ca.key      the development authority
/// certificates/<name>.pem, .key    auth, vault, audit, gateway, operator
/// secrets/master.key               32 random bytes, base64: what every stored key depends on
/// secrets/account.key              what second factors, sessions and tokens depend on
/// secrets/assertion-signing.pem    Ed25519, auth's; several while one is replaced
/// secrets/assertion-public.pem     the public halves, for vault and audit
/// secrets/log-signing.pem          Ed25519, audit's: signs the log for as long as there is one
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
  /// Names the directory where no `--state-dir` does.
  package static let environmentVariable = "CHATELAINE_STATE_DIR"
  /// Where `up` and the other commands look without `--state-dir`.
  package static let pathDefault =
    ProcessInfo.processInfo.environment[environmentVariable].flatMap { $0.isEmpty ? nil : $0 }
    ?? ".chatelaine"

  package let path: String

  /// - Parameter path: made absolute; nothing is created.
  package init(_ path: String) {
    self.path = URL(fileURLWithPath: path).standardizedFileURL.resolvingSymlinksInPath().path
  }

  package var certificates: String { path + "/certificates" }
  package var masterKeyFile: String { path + "/secrets/master.key" }
  package var endpointsFile: String { path + "/run/endpoints.json" }
  /// Mails of a deployment without a mail server; `auth` writes them.
  package var mailDirectory: String { "\(services)/auth/\(ServiceDirectory.mail)" }
  var lockFile: String { path + "/lock" }
  var secrets: String { path + "/secrets" }
  var logs: String { path + "/logs" }
  var run: String { path + "/run" }
  /// Directories of the services, each with what that one may read.
  var services: String { path + "/services" }
  package var accountKeyFile: String { path + "/secrets/account.key" }
  var assertionSigningKeyFile: String { path + "/secrets/assertion-signing.pem" }
  var assertionPublicKeysFile: String { path + "/secrets/assertion-public.pem" }
  var logSigningKeyFile: String { path + "/secrets/log-signing.pem" }

  package func log(of service: String) -> String { "\(logs)/\(service).log" }
  func readyFile(of service: String) -> String {
    "\(services)/\(service)/\(ServiceDirectory.ready)"
  }
  func passwordFile(of role: String) -> String { "\(secrets)/\(role).password" }
  func databaseURLFile(of role: String) -> String { "\(secrets)/\(role).database-url" }

  /// The certificate files of a service or of `operator`, whether or not they are there yet.
  package func certificatePaths(of name: String) -> CertificatePaths {
    CertificatePaths(
      certificate: "\(certificates)/\(name).pem", privateKey: "\(certificates)/\(name).key",
      authority: "\(certificates)/ca.pem")
  }

  /// The database cluster of this deployment; `start` it only when nobody else runs it.
  ///
  /// - Parameter isShared: services may connect to it that have users of their own. Nil: as whoever
  ///   owns the directory has started it.
  package func cluster(
    durability: PostgresCluster.Durability = .full, isShared: Bool? = nil
  ) throws -> PostgresCluster {
    var status = stat()
    let isOurs = stat(path, &status) != 0 || status.st_uid == geteuid()
    return try PostgresCluster(
      directory: path + "/postgres", durability: durability, isShared: isShared ?? isOurs)
  }

  /// Whether there is anything of that name.
  var exists: Bool { access(path, F_OK) == 0 }

  /// Creates the directory, its parents and its subdirectories with their modes.
  func create() throws {
    let parent = URL(fileURLWithPath: path).deletingLastPathComponent().path
    do {
      try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
    } catch {
      throw unusable("\(parent) cannot be made")
    }
    do {
      try SecretFile.makeDirectory(path)
    } catch {
      throw unusable("\(error)")
    }
    try ClusterAccount().allowTraversal(path)
    for directory in [certificates, secrets, logs, run, services] {
      try SecretFile.makeDirectory(directory)
    }
  }

  private func unusable(_ reason: String) -> DeploymentError {
    .environment(
      "the state can't be kept in \(path): \(reason). Choose another directory with --state-dir")
  }
}

extension StateDirectory {
  /// Gives a cluster the deployment's database, roles and schemas, and writes the roles' connection
  /// URLs.
  func provisionRoles(on cluster: PostgresCluster) async throws {
    let roles = DatabaseRoles(
      administrator: try PostgresConfiguration(url: cluster.superuserConnectionURL()),
      database: DatabaseRoles.database, isOwnServer: true)
    var passwords: [String: SecretBytes] = [:]
    for role in DatabaseRoles.all {
      let password = SecretBytes(utf8: try password(of: role))
      passwords[role] = password
      try roles.configuration(of: role, password: password).url.withUTF8String { url in
        try SecretFile.write(url + "\n", to: databaseURLFile(of: role))
      }
    }
    _ = try await roles.provision(passwords: passwords)
  }

  private func password(of role: String) throws -> String {
    let path = passwordFile(of: role)
    if let existing = try SecretFile.readLine(path), !existing.isEmpty { return existing }
    let password = try RandomText.password()
    try SecretFile.write(password + "\n", to: path)
    return password
  }
}

/// Where the services of a running deployment listen: `run/endpoints.json`, for the other commands.
package struct Endpoints: Codable, Sendable, Equatable {
  package struct Service: Codable, Sendable, Equatable {
    /// `host:port`.
    package var address: String
    package var processID: Int32
    /// `host:port` of its listener for the operator: plain HTTP, `/metrics` and health.
    package var adminAddress: String?
    /// `host:port` of its listener for probes: gRPC health in clear text.
    package var healthAddress: String?

    /// Whether its process is there.
    package var isRunning: Bool { Endpoints.isRunning(processID) }
  }

  /// The process id of `chatelaine up`.
  package var supervisorProcessID: Int32
  package var services: [String: Service]

  /// Whether `chatelaine up` is there; the file outlives one that was killed.
  package var isSupervised: Bool { Self.isRunning(supervisorProcessID) }

  /// Also somebody else's.
  private static func isRunning(_ processID: Int32) -> Bool {
    kill(processID, 0) == 0 || errno == EPERM
  }

  /// - Throws: `DeploymentError.file` for a file that cannot be read; nil when nothing runs.
  package static func read(from state: StateDirectory) throws -> Endpoints? {
    guard let bytes = try SecretFile.read(state.endpointsFile) else { return nil }
    do {
      return try JSONDecoder().decode(Endpoints.self, from: Data(bytes))
    } catch {
      throw DeploymentError.file(path: state.endpointsFile, reason: "is malformed")
    }
  }

  func write(to state: StateDirectory) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    try SecretFile.write([UInt8](encoder.encode(self)) + [0x0a], to: state.endpointsFile)
  }

  static func remove(from state: StateDirectory) { unlink(state.endpointsFile) }
}

/// An exclusive `flock` on a file, held as long as the object lives; the kernel drops it when the
/// process dies, however it dies.
final class FileLock: Sendable {
  private let descriptor: Int32

  /// - Throws: `DeploymentError.inUse` naming `owner` when another process holds it.
  init(path: String, protecting owner: String) throws {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw SecretFile.failure(path) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let error: DeploymentError =
        errno == EWOULDBLOCK ? .inUse(path: owner) : SecretFile.failure(path)
      close(descriptor)
      throw error
    }
    self.descriptor = descriptor
  }

  deinit {
    // Unlocked by name: a child between its fork and its exec still holds a copy of the descriptor.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}
