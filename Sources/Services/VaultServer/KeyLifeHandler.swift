import Callers
import Identity
import Protobuf
import RPC
import ServiceAPI
import Vault

/// What is done with keys besides storing and using them.
extension VaultHandler {
  /// Configurations of one call.
  private static let batchMax = 200

  func batchEnableProviderConfigs(
    _ request: VaultAPI.BatchProviderConfigsRequest, context: ServerContext
  ) async throws -> VaultAPI.BatchProviderConfigsResponse {
    try await setEnabled(request.ids, to: true, context)
  }

  func batchDisableProviderConfigs(
    _ request: VaultAPI.BatchProviderConfigsRequest, context: ServerContext
  ) async throws -> VaultAPI.BatchProviderConfigsResponse {
    try await setEnabled(request.ids, to: false, context)
  }

  /// One after another, each with its own receipt.
  private func setEnabled(
    _ ids: [String], to enabled: Bool, _ context: ServerContext
  ) async throws -> VaultAPI.BatchProviderConfigsResponse {
    let caller = try context.caller()
    guard (1...Self.batchMax).contains(ids.count) else {
      throw VaultError.invalid(.ids, reason: "must be 1 to \(Self.batchMax)")
    }
    var answer = VaultAPI.BatchProviderConfigsResponse()
    for id in ids {
      do throws(VaultError) {
        let config = try await vault.setEnabled(
          id, to: enabled, for: caller, from: context.origin)
        answer.providerConfigs.append(VaultAPI.ProviderConfig(config))
      } catch .notFound {
        answer.missingIds.append(id)
      }
    }
    return answer
  }

  /// How long a previous key still works where the request doesn't say.
  private static let overlapDefault: Duration = .seconds(86_400)

  func stageKey(
    _ request: VaultAPI.StageKeyRequest, context: ServerContext
  ) async throws -> VaultAPI.ProviderConfig {
    VaultAPI.ProviderConfig(
      try await vault.stage(
        request.id, key: request.apiKey, storeAnyway: request.storeAnyway, etag: request.etag,
        for: context.caller(), from: context.origin))
  }

  func switchKeys(
    _ request: VaultAPI.SwitchKeysRequest, context: ServerContext
  ) async throws -> VaultAPI.ProviderConfig {
    let overlap = request.overlap?.duration ?? Self.overlapDefault
    return VaultAPI.ProviderConfig(
      try await vault.switchKeys(
        request.id, overlapSeconds: Int(clamping: overlap.components.seconds), etag: request.etag,
        for: context.caller(), from: context.origin))
  }

  func dropSecondKey(
    _ request: VaultAPI.DropSecondKeyRequest, context: ServerContext
  ) async throws -> VaultAPI.ProviderConfig {
    VaultAPI.ProviderConfig(
      try await vault.dropSecondKey(
        request.id, etag: request.etag, for: context.caller(), from: context.origin))
  }

  func listProviderConfigVersions(
    _ request: VaultAPI.ListProviderConfigVersionsRequest, context: ServerContext
  ) async throws -> VaultAPI.ListProviderConfigVersionsResponse {
    let versions = try await vault.formerKeys(
      of: request.id, for: context.caller(), from: context.origin)
    return VaultAPI.ListProviderConfigVersionsResponse(
      versions: versions.map(VaultAPI.ProviderConfigVersion.init(_:)))
  }

  func restoreProviderConfigVersion(
    _ request: VaultAPI.RestoreProviderConfigVersionRequest, context: ServerContext
  ) async throws -> VaultAPI.ProviderConfig {
    VaultAPI.ProviderConfig(
      try await vault.restore(
        request.id, version: request.versionId, etag: request.etag, for: context.caller(),
        from: context.origin))
  }

  func listDeletedProviderConfigs(
    _ request: VaultAPI.ListDeletedProviderConfigsRequest, context: ServerContext
  ) async throws -> VaultAPI.ListProviderConfigVersionsResponse {
    let deleted = try await vault.deletedConfigs(for: context.caller(), from: context.origin)
    return VaultAPI.ListProviderConfigVersionsResponse(
      versions: deleted.map(VaultAPI.ProviderConfigVersion.init(_:)))
  }

  func undeleteProviderConfig(
    _ request: VaultAPI.UndeleteProviderConfigRequest, context: ServerContext
  ) async throws -> VaultAPI.ProviderConfig {
    VaultAPI.ProviderConfig(
      try await vault.undelete(request.id, for: context.caller(), from: context.origin))
  }

  // MARK: For the gateway itself

  func takeKeyNotices(
    _ request: VaultAPI.TakeKeyNoticesRequest, context: ServerContext
  ) async throws -> VaultAPI.TakeKeyNoticesResponse {
    let notices = try await vault.takeNotices(
      by: PeerIdentity.name(in: context.peer.identities))
    return VaultAPI.TakeKeyNoticesResponse(notices: notices.map(VaultAPI.KeyNotice.init(_:)))
  }

  func deleteKeyNotices(
    _ request: VaultAPI.DeleteKeyNoticesRequest, context: ServerContext
  ) async throws -> Empty {
    try await vault.deleteNotices(
      request.ids, by: PeerIdentity.name(in: context.peer.identities))
    return Empty()
  }
}
