import Audit
import Callers
import Identity
import Logging
import Outbox
import Postgres
import RPC
import ServiceAPI
import ServiceLifecycle
import ServiceRuntime
import TransparencyLog

/// What the audit service consists of.
enum AuditServer {
  /// Which peers may call which method; what is not listed here is denied to all.
  static let allowedPeers: PeerAllowList.Rules = {
    let own: PeerAllowList.Rules = [
      AuditAPI.AuditMethods.appendEvents.path: [PeerIdentity.auth, PeerIdentity.vault],
      AuditAPI.AuditMethods.listEvents.path: [PeerIdentity.gateway],
      AuditAPI.AuditMethods.eraseAccount.path: [PeerIdentity.auth],
      AuditAPI.AuditMethods.countEvents.path: [PeerIdentity.gateway],
      AuditAPI.AuditMethods.getCheckpoint.path: [PeerIdentity.gateway],
      AuditAPI.AuditMethods.getTile.path: [PeerIdentity.gateway],
      AuditAPI.AuditMethods.proveEvents.path: [PeerIdentity.gateway],
    ]
    return own.merging(AssertionKeysHandler.allowedPeers) { $0.union($1) }
  }()

  /// What the process runs, started in this order and stopped in reverse.
  @Sendable
  static func assemble(
    _ configuration: AuditConfiguration, _ chassis: ServiceChassis
  ) async throws -> [any Service] {
    let (postgres, postgresService) = try await chassis.database(
      configuration.database, schema: AuditSchema.schema)
    let audit = AuditService(
      store: PostgresAuditStore(postgres: postgres),
      log: configuration.logSigner.map { (PostgresLogStore(postgres: postgres), $0.publicKey) })
    var integrator: [any Service] = []
    if let signer = configuration.logSigner {
      integrator = [
        LogIntegrator(
          postgres: postgres, signer: signer, metrics: LogMetrics(), logger: chassis.logger)
      ]
      chassis.logger.notice("the log is signed", metadata: ["key": "\(signer.publicKey.text)"])
    } else {
      chassis.logger.notice("nobody can verify the log: LOG_SIGNING_KEY is not set")
    }
    let assertionKeys = VerifyingKeys(configuration.assertionKeys)
    let verifier = AssertionVerifier(keys: assertionKeys, audience: .audit)
    let keyWatch = SettingWatch(of: "the keys of assertions", logger: chassis.logger) {
      let isChanged = assertionKeys.replace(with: try configuration.readAssertionKeys())
      return isChanged ? assertionKeys.ids.joined(separator: ", ") : nil
    }
    let refusals = PeerRefusals(logger: chassis.logger) { peer, method in
      try await audit.refuse(peer: peer, method: method)
    }
    let server = chassis.server(
      [AuditHandler(audit: audit), AssertionKeysHandler(keys: assertionKeys)],
      callPolicy(verifier, onRefusal: refusals.note))
    return [postgresService, refusals, keyWatch] + integrator + [server]
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
