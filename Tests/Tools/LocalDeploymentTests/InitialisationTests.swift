import Files
import Foundation
import OpenSSL
import Postgres
import Testing

@testable import LocalDeployment

/// `chatelaine init` on a server of its own, as an administrator who is no superuser: what hosted
/// servers give.
@Suite(.timeLimit(.minutes(2))) struct InitialisationTests {
  private static func administratorURL(_ cluster: PostgresCluster) -> String {
    cluster.connectionURL(user: "admin", database: "postgres", password: "admin's own")
  }

  private func withCluster(
    _ body: (ScratchDirectory, PostgresCluster) async throws -> Void
  ) async throws {
    let scratch = try ScratchDirectory()
    let cluster = try PostgresCluster(
      directory: scratch / "postgres", durability: .relaxedForTests)
    try await cluster.start()
    try await cluster.runScript(
      "CREATE ROLE admin LOGIN CREATEDB CREATEROLE PASSWORD 'admin''s own';")
    try await body(scratch, cluster)
    try await cluster.stop()
  }

  private func initialisation(
    _ scratch: ScratchDirectory, _ cluster: PostgresCluster,
    dnsNames: [String: [String]] = ["auth": ["auth.example.org"]]
  ) throws -> Initialisation {
    Initialisation(
      layout: SecretsLayout(scratch / "secrets"),
      administrator: try PostgresConfiguration(url: Self.administratorURL(cluster)),
      dnsNames: dnsNames,
      owners: geteuid() == 0
        ? ["vault": AtomicFile.Owner(userID: 10_002, groupID: 10_002)] : [:])
  }

  private func psql(_ file: String, _ sql: String) async throws -> String {
    let url = try #require(try SecretFile.readLine(file))
    return try await Command(
      path: try PostgresInstallation().path("psql"),
      arguments: ["-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-c", sql, url],
      environment: ["PATH": "/usr/bin:/bin"]
    ).run()
  }

  @Test func aSecondRunChangesNothingAndAHalfDoneOneIsCompleted() async throws {
    try await withCluster { scratch, cluster in
      let layout = SecretsLayout(scratch / "secrets")
      let first = try await initialisation(scratch, cluster).run()
      #expect(first.contains(layout.masterKeyFile))
      #expect(first.contains("database server: schema vault"))
      #expect(try await initialisation(scratch, cluster).run() == [])

      // Interrupted somewhere: a file, a role's password and a schema are missing.
      let key = try SecretFile.read(layout.masterKeyFile)
      try FileManager.default.removeItem(atPath: layout.databaseURLFile(of: "audit"))
      try FileManager.default.removeItem(atPath: layout.certificatePaths(of: "auth").privateKey)
      try await cluster.runScript("DROP SCHEMA vault;", database: "chatelaine")
      let second = try await initialisation(scratch, cluster).run()
      #expect(
        Set(second) == [
          layout.databaseURLFile(of: "audit"), layout.certificatePaths(of: "auth").certificate,
          "database server: schema vault", "database server: password of role audit",
        ])
      #expect(try SecretFile.read(layout.masterKeyFile) == key)
      #expect(try await initialisation(scratch, cluster).run() == [])
      for schema in DatabaseRoles.schemas {
        _ = try await psql(layout.ownerURLFile(of: schema), "CREATE TABLE things (value int)")
        #expect(
          try await psql(layout.databaseURLFile(of: schema), "SELECT current_schema")
            == "\(schema)\n")
      }
      // The administrator keeps no way into what it has made.
      let members = try await cluster.runScript(
        "SELECT count(*) FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid = m.member "
          + "WHERE r.rolname = 'admin' AND NOT m.admin_option;")
      #expect(members == "0\n")
    }
  }

  @Test func eachServiceHasItsOwnFilesAndNobodyElseReadsThem() async throws {
    try await withCluster { scratch, cluster in
      let layout = SecretsLayout(scratch / "secrets")
      _ = try await initialisation(scratch, cluster).run()
      var found: [String: Set<String>] = [:]
      for name in Initialisation.names {
        let directory = layout.directory(of: name)
        found[name] = Set(try FileManager.default.contentsOfDirectory(atPath: directory))
        #expect(try ScratchDirectory.mode(directory) == 0o700, "\(name)")
        for file in found[name] ?? [] {
          let isPublic = file == "ca.pem" || file == "tls.pem" || file == "assertion-public.pem"
          let path = "\(directory)/\(file)"
          #expect(try ScratchDirectory.mode(path) == (isPublic ? 0o444 : 0o400), "\(path)")
          guard geteuid() == 0 else { continue }
          let owner = try FileManager.default.attributesOfItem(atPath: path)[.ownerAccountID]
          #expect((owner as? NSNumber)?.intValue == (name == "vault" ? 10_002 : 0), "\(path)")
        }
      }
      let tls: Set = ["ca.pem", "tls.pem", "tls.key"]
      #expect(
        found == [
          "auth": tls.union(["database-url", "account.key", "assertion-signing.pem"]),
          "vault": tls.union(["database-url", "assertion-public.pem", "master.key"]),
          "audit": tls.union(["database-url", "assertion-public.pem", "log-signing.pem"]),
          "gateway": tls,
          "operator": tls,
          "migrate": ["auth.database-url", "vault.database-url", "audit.database-url"],
        ])
    }
  }

  @Test func aMissingMasterKeyBesideSealedKeysIsNotReplaced() async throws {
    try await withCluster { scratch, cluster in
      let layout = SecretsLayout(scratch / "secrets")
      _ = try await initialisation(scratch, cluster).run()
      let owner = layout.ownerURLFile(of: "vault")
      _ = try await psql(owner, "CREATE TABLE data_keys (id int)")
      // Nothing is sealed yet: a key that was lost costs nothing.
      try FileManager.default.removeItem(atPath: layout.masterKeyFile)
      #expect(try await initialisation(scratch, cluster).run() == [layout.masterKeyFile])
      _ = try await psql(owner, "INSERT INTO data_keys VALUES (1)")
      #expect(try await initialisation(scratch, cluster).run() == [])
      try FileManager.default.removeItem(atPath: layout.masterKeyFile)
      let error = await #expect(throws: DeploymentError.self) {
        try await initialisation(scratch, cluster).run()
      }
      #expect("\(try #require(error))".contains("only it can open"))
      #expect(try SecretFile.read(layout.masterKeyFile) == nil)
    }
  }

  @Test func certificatesAreListedRenewedAndIssued() async throws {
    try await withCluster { scratch, cluster in
      let layout = SecretsLayout(scratch / "secrets")
      _ = try await initialisation(scratch, cluster).run()
      let store = CertificateStore(layout: layout)
      #expect(try store.renew() == [])
      let before = try store.list()
      #expect(before.count == 5)
      #expect(before.contains { $0.hasPrefix("spiffe://chatelaine/vault  ") })

      let path = layout.certificatePaths(of: "auth").certificate
      let contents = {
        CertificateContents(try Certificate(pem: try #require(try SecretFile.read(path))))
      }
      let first = try contents()
      #expect(first.dnsNames == ["localhost", "auth", "auth.example.org"])
      #expect(try store.renew(all: true).count == 5)
      let second = try contents()
      #expect(second.dnsNames == first.dnsNames)
      #expect(second.serialNumber != first.serialNumber)
      #expect(try await initialisation(scratch, cluster).run() == [])
      // Other names are another certificate.
      let renamed = try await initialisation(scratch, cluster, dnsNames: ["auth": ["b.c"]]).run()
      #expect(renamed == [path])

      try await watchesRenewWhatIsDue(store, of: "vault", at: layout)
      try store.issue(service: "gateway", instance: "eu-2", to: scratch / "second")
      let pem = try #require(try SecretFile.read(scratch / "second/tls.pem"))
      #expect(
        CertificateContents(try Certificate(pem: pem)).uris == ["spiffe://chatelaine/gateway/eu-2"])
      for (service, instance) in [("gateway", "a/b"), ("gateway", ""), ("nobody", "a")] {
        #expect(throws: DeploymentError.self) {
          try store.issue(service: service, instance: instance, to: scratch / "third")
        }
      }
    }
  }

  /// One that ends soon takes the place of a service's certificate, then a file that is none.
  private func watchesRenewWhatIsDue(
    _ store: CertificateStore, of service: String, at layout: SecretsLayout
  ) async throws {
    let (messages, requests) = (Messages(), StopRequests())
    let watch = CertificateWatch(
      store: store, interval: .milliseconds(10), retryInterval: .milliseconds(10),
      tell: { messages.add($0) }, report: { messages.add($0) })
    let running = Task { await watch.run(until: requests) }
    let paths = layout.certificatePaths(of: service)
    var leaf = LeafCertificate(service: service)
    leaf.validFrom = -60 * 86_400
    leaf.validTo = 86_400
    let authority = try DevelopmentCA.loadOrCreate(in: layout.authority)
    let owner = AtomicFile.Owner(userID: geteuid(), groupID: getegid())
    try authority.issue(leaf, at: paths, owner: owner)
    try await messages.wait(for: "renewed \(paths.certificate)")
    let renewed = try #require(try SecretFile.read(paths.certificate))
    try SecretFile.write("nothing", to: paths.certificate)
    try await messages.wait(for: "certificates could not be renewed: \(paths.certificate)")
    try SecretFile.write(renewed, to: paths.certificate)
    requests.send()
    await running.value
  }
}
