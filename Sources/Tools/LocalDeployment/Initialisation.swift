import Cryptography
package import Files
import Foundation
package import Postgres

/// `chatelaine init`: makes what a deployment on any PostgreSQL server needs before its services
/// start. Repeating it changes nothing; one that was interrupted is completed by the next.
package struct Initialisation: Sendable {
  /// What is given to owners and gets a directory.
  package static let names =
    ServiceName.allCases.map(\.rawValue) + [ServiceName.operatorCertificate, "migrate"]
  /// Its owner's directories: nobody else looks in.
  private static let directoryMode: mode_t = 0o700
  private static let secretMode: mode_t = 0o400
  private static let publicMode: mode_t = 0o444

  let layout: SecretsLayout
  let roles: DatabaseRoles
  /// By service, beside `localhost` and the service's own name.
  let dnsNames: [String: [String]]
  /// By name; what is not in it belongs to whoever runs this.
  let owners: [String: AtomicFile.Owner]

  /// - Parameter administrator: of the server; see `DatabaseRoles`.
  package init(
    layout: SecretsLayout, administrator: PostgresConfiguration,
    database: String = DatabaseRoles.database, dnsNames: [String: [String]] = [:],
    owners: [String: AtomicFile.Owner] = [:]
  ) {
    self.layout = layout
    roles = DatabaseRoles(administrator: administrator, database: database, isOwnServer: false)
    self.dnsNames = dnsNames
    self.owners = owners
  }

  /// Makes what is missing and returns a line for each thing that was made or mended.
  ///
  /// - Throws: `DeploymentError`; when the master key is missing beside a database that holds what
  ///   it sealed, before anything is made.
  package func run() async throws -> [String] {
    try SecretFile.makeDirectory(layout.path, mode: 0o711)
    let lock = try FileLock(path: layout.path + "/.lock", protecting: layout.path)
    defer { withExtendedLifetime(lock) {} }
    try await refuseToReplaceTheMasterKey()
    var made: [String] = []
    for name in Self.names {
      let path = layout.directory(of: name)
      if try SecretFile.ensureDirectory(path, mode: Self.directoryMode, owner: owner(of: name)) {
        made.append(path + "/")
      }
    }
    made += try makeKeys()
    made += try makeCertificates()
    let passwords = try passwords()
    made += try writeURLs(passwords)
    made += try await roles.provision(passwords: passwords).map { "database server: \($0)" }
    return made
  }

  private func owner(of name: String) -> AtomicFile.Owner {
    owners[name] ?? AtomicFile.Owner(userID: geteuid(), groupID: getegid())
  }

  private func refuseToReplaceTheMasterKey() async throws {
    let hasKey = try SecretFile.read(layout.masterKeyFile) != nil
    if try await !roles.holdsSealedKeys() || hasKey { return }
    throw DeploymentError.file(
      path: layout.masterKeyFile,
      reason: "is missing, and the database \(roles.database) holds keys that only it can open; "
        + "restore the file, or name another database")
  }

  // MARK: Keys

  private func makeKeys() throws -> [String] {
    var made: [String] = []
    if try SecretFile.read(layout.masterKeyFile) == nil {
      try write(MasterKey.generate().encodedForFile, to: layout.masterKeyFile, of: "vault")
      made.append(layout.masterKeyFile)
    }
    let signing = layout.assertionSigningKeyFile
    if let account = try AccountKeyText.missing(layout.accountKeyFile, beside: signing) {
      try write(account, to: layout.accountKeyFile, of: "auth")
      made.append(layout.accountKeyFile)
    }
    if try SecretFile.read(signing) == nil {
      try write(
        try Ed25519.SigningKey.generate().pemRepresentation, to: signing, of: "auth")
      made.append(signing)
    }
    let publicText = try SigningKeyFiles.publicText(of: try SigningKeyFiles(layout).read())
    for service in ["vault", "audit"] {
      let path = layout.assertionPublicKeysFile(of: service)
      if try SecretFile.ensure(
        [UInt8](publicText.utf8), at: path, mode: Self.publicMode,
        owner: owner(of: service))
      {
        made.append(path)
      }
    }
    let log = layout.logSigningKeyFile
    if try KeyMaterial.ensureSigningKey(at: log, write: { try write($0, to: log, of: "audit") }) {
      made.append(log)
    }
    for (path, name) in [
      (layout.masterKeyFile, "vault"), (layout.accountKeyFile, "auth"), (signing, "auth"),
      (log, "audit"),
    ] {
      try SecretFile.hand(path, to: owner(of: name), mode: Self.secretMode)
    }
    return made
  }

  private func write(_ secret: SecretBytes, to path: String, of name: String) throws {
    try secret.withUnsafeBytes {
      try SecretFile.write($0, to: path, mode: Self.secretMode, owner: owner(of: name))
    }
  }

  // MARK: Certificates

  private func makeCertificates() throws -> [String] {
    var made: [String] = []
    let authority = try DevelopmentCA.loadOrCreate(in: layout.authority)
    guard let authorityPEM = try SecretFile.read(authority.certificatePath) else {
      throw DeploymentError.file(path: authority.certificatePath, reason: "is missing")
    }
    for name in Self.names where name != "migrate" {
      let paths = layout.certificatePaths(of: name)
      let owner = owner(of: name)
      if try SecretFile.ensure(
        authorityPEM, at: paths.authority, mode: Self.publicMode, owner: owner)
      {
        made.append(paths.authority)
      }
      let leaf = LeafCertificate(service: name, instance: nil, dnsNames: dnsNames[name] ?? [])
      if try authority.ensure(leaf, at: paths, owner: owner) { made.append(paths.certificate) }
      for (path, mode) in [
        (paths.privateKey, Self.secretMode), (paths.certificate, Self.publicMode),
      ] where try SecretFile.hand(path, to: owner, mode: mode) {
        made.append(path)
      }
    }
    return made
  }

  // MARK: Connection URLs

  /// Where a role's URL stands, which is also where its password is kept.
  private func urlFile(of role: String) -> (path: String, owner: AtomicFile.Owner) {
    if let schema = DatabaseRoles.schemas.first(where: { DatabaseRoles.owner(of: $0) == role }) {
      return (layout.ownerURLFile(of: schema), owner(of: "migrate"))
    }
    return (layout.databaseURLFile(of: role), owner(of: role))
  }

  private func passwords() throws -> [String: SecretBytes] {
    var passwords: [String: SecretBytes] = [:]
    for role in DatabaseRoles.all {
      if let url = try SecretFile.readLine(urlFile(of: role).path),
        let password = (try? PostgresConfiguration(url: url))?.password
      {
        passwords[role] = password
      } else {
        passwords[role] = SecretBytes(utf8: try RandomText.password())
      }
    }
    return passwords
  }

  private func writeURLs(_ passwords: [String: SecretBytes]) throws -> [String] {
    var made: [String] = []
    for role in DatabaseRoles.all {
      guard let password = passwords[role] else { continue }
      let (path, owner) = urlFile(of: role)
      let text = roles.configuration(of: role, password: password).url.withUTF8String { $0 + "\n" }
      if try SecretFile.ensure(
        [UInt8](text.utf8), at: path, mode: Self.secretMode, owner: owner)
      {
        made.append(path)
      }
    }
    return made
  }
}
