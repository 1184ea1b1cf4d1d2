import Audit
import Callers
import Identity
import Outbox
import Postgres
import RPC
import ServiceAPI
import ServiceLifecycle
import ServiceRuntime

/// What the audit service consists of.
enum AuditServer {
  /// Which peers may call which method; what is not listed here is denied to all.
  static let allowedPeers: PeerAllowList.Rules = [
    AuditAPI.AuditMethods.appendEvents.path: [PeerIdentity.auth, PeerIdentity.vault],
    AuditAPI.AuditMethods.listEvents.path: [PeerIdentity.gateway],
    AuditAPI.AuditMethods.eraseAccount.path: [PeerIdentity.auth],
    AuditAPI.AuditMethods.countEvents.path: [PeerIdentity.gateway],
  ]

  /// What the process runs, started in this order and stopped in reverse.
  @Sendable
  static func assemble(
    _ configuration: AuditConfiguration, _ chassis: ServiceChassis
  ) async throws -> [any Service] {
    let (postgres, postgresService) = try await chassis.database(
      configuration.database, schema: AuditSchema.schema)
    let audit = AuditService(store: PostgresAuditStore(postgres: postgres))
    let verifier = AssertionVerifier(publicKeys: configuration.assertionKeys, audience: .audit)
    let refusals = PeerRefusals(logger: chassis.logger) { peer, method in
      try await audit.refuse(peer: peer, method: method)
    }
    return [
      postgresService, refusals,
      chassis.server(
        [AuditHandler(audit: audit)],
        callPolicy(verifier, onRefusal: refusals.note)),
    ]
  }
}

extension AuditServer {
  /// What is answered, and for whom: signed in by `verifier`.
  static func callPolicy(
    _ verifier: AssertionVerifier,
    onRefusal: @escaping @Sendable (Peer, MethodDescriptor) -> Void = { _, _ in }
  ) -> CallPolicy {
    CallPolicy(
      rules: allowedPeers, operators: [PeerIdentity.operator],
      requestIDKey: CallMetadata.requestID, callers: CallerInterceptor(verifier),
      onRefusal: onRefusal)
  }
}
