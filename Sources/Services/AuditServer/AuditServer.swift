import Audit
import Postgres
import RPC
import ServiceAPI
import ServiceLifecycle
import ServiceRuntime

/// What the audit service consists of.
enum AuditServer {
  /// Which peers may call which method; what is not listed here is denied to all.
  static var allowedPeers: PeerAllowList.Rules {
    [
      AuditAPI.AuditMethods.appendEvents.path: .named(Recorder.identities),
      AuditAPI.AuditMethods.listEvents.path: [PeerIdentity.gateway],
    ]
  }

  @Sendable
  static func assemble(
    _ configuration: AuditConfiguration, _ chassis: ServiceChassis
  ) async throws -> [any Service] {
    let (postgres, postgresService) = try await chassis.database(
      configuration.database, migrations: AuditMigrations.all)
    let audit = Audit.AuditService(store: PostgresAuditStore(postgres: postgres))
    let verifier = AssertionVerifier(publicKeys: configuration.assertionKeys, audience: .audit)
    return [
      postgresService,
      chassis.server([AuditHandler(audit: audit)], allowing: allowedPeers, verifier: verifier),
    ]
  }
}
