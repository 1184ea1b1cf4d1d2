import Callers
import Cryptography
import Foundation
import Identity
import LocalDeployment
import Logging
import NIOPosix
import Postgres
import RPC
import RPCServices
import RPCTransport
import ServiceAPI
import TLS
import TestSupport
import Testing

@testable import AuthServer

/// The program `auth` as an operator starts it.
@Suite(.timeLimit(.minutes(1))) struct AuthProcessTests {
  private let certificates: TestCertificates
  private let readyFile = FileManager.default.temporaryDirectory
    .appendingPathComponent("chatelaine-\(UUID().uuidString)").path

  init() throws { certificates = try TestCertificates() }

  private func environment() async throws -> [String: String] {
    let database = try await AuthDatabase.shared()
    let paths = try certificates.paths("auth")
    return [
      "LISTEN_ADDRESS": "127.0.0.1:0", "READY_FILE": readyFile,
      "TLS_CERTIFICATE_FILE": paths.certificate, "TLS_PRIVATE_KEY_FILE": paths.privateKey,
      "TLS_CA_FILE": paths.authority, "DATABASE_URL": database.urls.runtime,
      "AUDIT_ADDRESS": "127.0.0.1:1", "VAULT_ADDRESS": "127.0.0.1:1",
      "ASSERTION_SIGNING_KEY": try Ed25519.SigningKey.generate().pemRepresentation
        .withUTF8String { $0 },
    ]
  }

  private func client(
    of address: (host: String, port: Int), as service: String
  ) throws -> (api: AuthAPI.AuthClient, connection: RPCClient) {
    let paths = try certificates.paths(service)
    let connection = RPCClient(
      RPCClientConfiguration(
        host: address.host, port: address.port,
        tls: TLSConfiguration(
          certificateFile: paths.certificate, privateKeyFile: paths.privateKey,
          certificateAuthorityFile: paths.authority),
        serverIdentity: PeerIdentity.auth),
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    return (AuthAPI.AuthClient(channel: connection), connection)
  }

  private func request() -> AuthAPI.CreateAccountRequest {
    AuthAPI.CreateAccountRequest(
      email: "ann-\(UUID())@example.com", password: "tr0ubador and the horse")
  }

  @Test func itServesUntilItIsToldToStop() async throws {
    let auth = try await AuthProcess(environment())
    let address = try #require(await auth.address(), "\(auth.output)")
    #expect(
      try String(contentsOfFile: readyFile, encoding: .utf8) == "\(address.host):\(address.port)\n")

    let gateway = try client(of: address, as: "gateway")
    let account = try await gateway.api.createAccount(
      request(), options: .acting(with: nil, origin: CallOrigin()))
    #expect(!account.id.isEmpty)
    let vault = try client(of: address, as: "vault")
    let refusal = await #expect(throws: RPCError.self) {
      try await vault.api.createAccount(
        request(), options: .acting(with: nil, origin: CallOrigin()))
    }
    #expect(refusal?.code == .permissionDenied)
    await gateway.connection.close()
    await vault.connection.close()

    auth.process.signal(SIGTERM)
    #expect(await auth.exit() == .code(0))
    #expect(auth.output.contains("\"message\":\"stopped\""))
    #expect(!FileManager.default.fileExists(atPath: readyFile))
  }

  @Test func whoWatchesItsHealthLearnsThatItStopsServing() async throws {
    let auth = try await AuthProcess(environment())
    let address = try #require(await auth.address(), "\(auth.output)")
    let vault = try client(of: address, as: "vault")
    let end = await #expect(throws: RPCError.self) {
      try await HealthAPI.HealthClient(channel: vault.connection)
        .watch(HealthAPI.HealthCheckRequest(service: "chatelaine.auth.v1.Auth")) {
          (responses) async throws in
          #expect(try await responses.next()?.status == .serving)
          auth.process.signal(SIGTERM)
          #expect(try await responses.next()?.status == .notServing)
          _ = try await responses.next()
        }
    }
    #expect(end?.code == .unavailable)
    // Before the grace period is over: who watches does not hold up the end.
    #expect(await auth.exit() == .code(0))
    await vault.connection.close()
  }

  @Test func everythingWrongWithItsSettingsIsToldAtOnce() async throws {
    let auth = try await AuthProcess(["LOG_LEVEL": "loud", "SESSION_MAX_AGE": "1s"])
    #expect(await auth.exit() == .code(EX_CONFIG))
    for variable in [
      "LISTEN_ADDRESS", "TLS_CERTIFICATE_FILE", "TLS_PRIVATE_KEY_FILE", "TLS_CA_FILE", "LOG_LEVEL",
      "DATABASE_URL", "ASSERTION_SIGNING_KEY", "VAULT_ADDRESS", "AUDIT_ADDRESS",
      "SESSION_MAX_AGE",
    ] {
      #expect(auth.output.contains("cannot start: \(variable): "))
    }
    #expect(auth.output.split(separator: "\n").count == 10)
  }

  @Test func aDatabaseThatCannotBeReachedStopsTheStart() async throws {
    var environment = try await environment()
    environment["DATABASE_URL"] = "postgres://auth:hunter2@/nowhere?host=/nonexistent"
    environment["DATABASE_START_TIMEOUT"] = "0s"
    let auth = try await AuthProcess(environment)
    #expect(await auth.exit() == .code(EXIT_FAILURE))
    #expect(auth.output.contains("cannot start"))
    #expect(!auth.output.contains("hunter2"))
    #expect(!FileManager.default.fileExists(atPath: readyFile))
  }

  @Test func aStartWaitsForTheMigrationsAndTheJobIsNotTheService() async throws {
    let database = try await ServiceDatabase(schema: "auth", migrations: AuthSchema.migrations)
    try await database.superuser.execute(
      """
      DELETE FROM auth.schema_migrations
       WHERE number = (SELECT max(number) FROM auth.schema_migrations)
      """)
    var environment = try await environment()
    environment["DATABASE_URL"] = database.urls.runtime
    environment["DATABASE_START_TIMEOUT"] = "0s"
    let impatient = try await AuthProcess(environment)
    #expect(await impatient.exit() == .code(EXIT_FAILURE))
    #expect(impatient.output.contains("run the migrations (chatelaine migrate)"))

    environment["DATABASE_START_TIMEOUT"] = "60s"
    let patient = try await AuthProcess(environment)
    try await database.superuser.execute(
      """
      INSERT INTO auth.schema_migrations (number, name, sha256)
      SELECT max(number) + 1, 'last', '' FROM auth.schema_migrations
      """)
    #expect(await patient.address() != nil, "\(patient.output)")
    await database.close()
  }

  @Test func migrationsRunAsTheOwnerOnly() async throws {
    let database = try await ServiceDatabase(schema: "auth", migrations: AuthSchema.migrations)
    let asOwner = try await AuthProcess(
      ["MIGRATION_DATABASE_URL": database.urls.owner], arguments: ["migrate"])
    #expect(await asOwner.exit() == .code(0))
    #expect(asOwner.output == "auth: up to date\n")
    let asService = try await AuthProcess(
      ["MIGRATION_DATABASE_URL": database.urls.runtime], arguments: ["migrate"])
    #expect(await asService.exit() == .code(EXIT_FAILURE))
    #expect(asService.output.contains("cannot migrate"))
    let without = try await AuthProcess([:], arguments: ["migrate", "--plan"])
    #expect(await without.exit() == .code(EX_CONFIG))
    #expect(without.output.contains("MIGRATION_DATABASE_URL"))
    await database.close()
  }
}
