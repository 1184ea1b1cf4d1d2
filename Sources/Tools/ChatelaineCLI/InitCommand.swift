import ArgumentParser
import Cryptography
import Files
import Foundation
import LocalDeployment
import Postgres

/// `chatelaine init`: what a deployment of separate services needs, made once.
struct InitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init",
    abstract: "Make database roles, keys and certificates for services that run one by one.",
    discussion: """
      Needs a PostgreSQL server and a role on it that may create roles and databases: a superuser, \
      or the administrator of a hosted server. Fills the secrets directory with a directory for \
      each service, which is all that the service needs to see of it, and prints what it made. \
      Repeating it changes nothing; it never replaces a master key. Then run `chatelaine migrate`.

      The administrator's URL is read from --database-url-file, or from ADMIN_DATABASE_URL or \
      ADMIN_DATABASE_URL_FILE. How the server is found and how it proves who it is (host, port, \
      sslmode, sslrootcert, ...) goes into the services' URLs too.
      """)

  @Option(help: "Directory to fill; one directory for each service.")
  var secretsDir: String

  @Option(help: "File with the administrator's connection URL.")
  var databaseUrlFile: String?

  @Option(help: "Name of the database; made when it is missing.")
  var database = DatabaseRoles.database

  @Option(help: "Further DNS names in a certificate: SERVICE=NAME,NAME; may be repeated.")
  var dns: [String] = []

  @Option(
    help: """
      Whose a service's files become: SERVICE=UID:GID; may be repeated. Also for `operator` and \
      `migrate`.
      """)
  var owner: [String] = []

  func validate() throws {
    guard !secretsDir.isEmpty else { throw ValidationError("--secrets-dir must not be empty") }
    guard !database.isEmpty, database.utf8.count <= 63 else {
      throw ValidationError("--database must have 1 to 63 bytes")
    }
    _ = try dnsNames()
    _ = try owners()
  }

  func run() async throws {
    let layout = SecretsLayout(secretsDir)
    let initialisation = Initialisation(
      layout: layout, administrator: try administrator(), database: database,
      dnsNames: try dnsNames(), owners: try owners())
    let made = try await initialisation.run()
    for line in made { Terminal.print("made \(line)") }
    guard !made.isEmpty else {
      return Terminal.print("nothing to do: everything is there")
    }
    Terminal.print(
      """
      Keep a copy of \(layout.path)/vault/master.key in a safe place, apart from copies of the \
      database: without it no stored key can be opened, and with both everybody can.
      Next: chatelaine migrate --secrets-dir \(layout.path)
      """)
  }

  private func administrator() throws -> PostgresConfiguration {
    let environment = ProcessInfo.processInfo.environment
    let url: SecretBytes
    if let path = databaseUrlFile ?? environment["ADMIN_DATABASE_URL_FILE"] {
      url = SecretBytes(
        utf8: try SecretFile(reading: path, bytesMax: 64 << 10).contents
          .withUTF8String { $0.trimmingCharacters(in: .newlines) })
    } else if let value = environment["ADMIN_DATABASE_URL"] {
      url = SecretBytes(utf8: value)
    } else {
      throw CommandError(
        "give the administrator's connection URL: --database-url-file FILE, or ADMIN_DATABASE_URL")
    }
    return try PostgresConfiguration(url: url)
  }

  private func dnsNames() throws -> [String: [String]] {
    try Self.pairs(dns, option: "--dns").mapValues { text in
      let names = text.split(separator: ",").map(String.init)
      guard !names.isEmpty, names.allSatisfy(Self.isName) else {
        throw ValidationError("--dns takes SERVICE=NAME,NAME with names of a-z 0-9 - . and *")
      }
      return names
    }
  }

  private func owners() throws -> [String: AtomicFile.Owner] {
    try Self.pairs(owner, option: "--owner").mapValues { text in
      let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { UInt32($0) }
      guard parts.count == 2, let user = parts[0], let group = parts[1],
        user != UInt32.max, group != UInt32.max
      else { throw ValidationError("--owner takes SERVICE=UID:GID with two numbers") }
      return AtomicFile.Owner(userID: user, groupID: group)
    }
  }

  private static func pairs(_ values: [String], option: String) throws -> [String: String] {
    var pairs: [String: String] = [:]
    for value in values {
      let parts = value.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2, Initialisation.names.contains(parts[0]) else {
        throw ValidationError(
          "\(option) begins with one of \(Initialisation.names.joined(separator: ", ")) and =")
      }
      pairs[parts[0]] = parts[1]
    }
    return pairs
  }

  /// Nothing that OpenSSL's notation of extensions could take for something else.
  private static func isName(_ name: String) -> Bool {
    name.utf8.count <= 253
      && name.utf8.allSatisfy { byte in
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "-.*".utf8.contains(byte)
      }
  }
}
