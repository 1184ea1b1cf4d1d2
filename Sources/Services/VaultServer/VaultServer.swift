import Callers
import Identity
import Logging
import Outbox
import Postgres
import RPC
import ServiceAPI
import ServiceLifecycle
import ServiceRuntime
import Telemetry
import Vault

/// What the vault consists of.
enum VaultServer {
  /// Which peers may call which method; what is not listed here is denied to all.
  static let allowedPeers: PeerAllowList.Rules = {
    let forOperators = [
      VaultAPI.VaultMethods.importProviderConfig, VaultAPI.VaultMethods.listProviderConfigs,
    ]
    let forUsers = VaultAPI.VaultMethods.all.filter {
      $0 != VaultAPI.VaultMethods.eraseAccount
    }
    return PeerAllowList.rules(forUsers, allow: [PeerIdentity.gateway])
      .merging(AssertionKeysHandler.allowedPeers) { $0.union($1) }
      .merging(
        PeerAllowList.rules([VaultAPI.VaultMethods.eraseAccount], allow: [PeerIdentity.auth])
      ) { $0.union($1) }
      .merging(
        PeerAllowList.rules(
          forOperators + VaultAPI.KeyManagementMethods.all, allow: [PeerIdentity.operator])
      ) { $0.union($1) }
  }()

  /// What the process runs, started in this order and stopped in reverse.
  @Sendable
  static func assemble(
    _ configuration: VaultConfiguration, _ chassis: ServiceChassis
  ) async throws -> [any Service] {
    let (postgres, postgresService) = try await chassis.database(
      configuration.database, schema: VaultSchema.schema)
    let keyring = configuration.keyring
    let register = KeyRegister(postgres: postgres)
    for missing in try await register.check(keyring) {
      chassis.logger.error(
        "some stored keys cannot be opened: their master key is missing",
        metadata: ["needed": "\(missing)"])
    }
    chassis.logger.notice("master key accepted", metadata: ["key": "\(keyring.currentID)"])

    let (audit, auditService) = chassis.client(
      to: configuration.auditAddresses, identity: PeerIdentity.audit)
    let outbox = PostgresOutbox()
    let (cache, known) = (DataKeyCache(), KnownConfigs())
    chassis.observability.metrics.observe("vault.data_keys") { [.init(Double(cache.count))] }
    let store = PostgresVaultStore(postgres: postgres, outbox: outbox)
    let vault = VaultService(
      store: store, keyring: keyring, cache: cache, known: known,
      configsMax: configuration.configsMax, refusalsMax: configuration.refusalsMax,
      operatorKeys: configuration.operatorKeys, revealsKeys: configuration.revealsKeys)
    let keys = KeyManagement(
      store: PostgresKeyRotationStore(postgres: postgres, outbox: outbox), keyring: keyring
    ) { (receipt) async throws(VaultError) in
      try await store.record(receipt, use: nil)
    }
    let assertionKeys = VerifyingKeys(configuration.assertionKeys)
    let verifier = AssertionVerifier(keys: assertionKeys, audience: .vault)
    let keyWatch = SettingWatch(of: "the keys of assertions", logger: chassis.logger) {
      let isChanged = assertionKeys.replace(with: try configuration.readAssertionKeys())
      return isChanged ? assertionKeys.ids.joined(separator: ", ") : nil
    }
    let refusals = PeerRefusals(logger: chassis.logger) { peer, method in
      try await vault.refuse(peer: peer, method: method)
    }
    return [
      postgresService, auditService,
      OutboxRelay(outbox: outbox, postgres: postgres, audit: audit, logger: chassis.logger),
      refusals, keyWatch, MemorySweeper(cache: cache, known: known),
      FormerKeySweeper(vault: vault, logger: chassis.logger),
      KeyringWatch(
        keyring: keyring, read: configuration.readKeyring, register: register,
        logger: chassis.logger),
      chassis.server(
        [
          VaultHandler(vault: vault), KeyManagementHandler(keys: keys),
          AssertionKeysHandler(keys: assertionKeys),
        ],
        callPolicy(verifier, onRefusal: refusals.note)),
    ]
  }
}

/// Has unwrapped data keys and configurations leave memory although nobody asks for others.
private struct MemorySweeper: Service {
  let cache: DataKeyCache
  let known: KnownConfigs

  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      while true {
        try await Task.sleep(for: DataKeyCache.lifetime)
        cache.dropIdle()
        known.dropIdle()
      }
    }
  }
}

extension VaultServer {
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
