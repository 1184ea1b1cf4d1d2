import Callers
import Identity
import Protobuf
import RPC
import ServiceAPI
import UseCases
import Vault

/// The vault's methods over RPC.
struct VaultHandler: VaultAPI.VaultServiceProtocol {
  let vault: VaultService

  func createProviderConfig(
    _ request: VaultAPI.CreateProviderConfigRequest, context: ServerContext
  ) async throws -> VaultAPI.ProviderConfig {
    let config = try await vault.create(
      NewConfig(request), for: context.caller(), from: context.origin)
    return VaultAPI.ProviderConfig(config)
  }

  func listProviderConfigs(
    _ request: VaultAPI.ListProviderConfigsRequest, context: ServerContext
  ) async throws -> VaultAPI.ListProviderConfigsResponse {
    let page = try await vault.list(
      ConfigFilter(request), size: Int(request.pageSize), token: request.pageToken,
      for: context.caller(),
      from: context.origin)
    return VaultAPI.ListProviderConfigsResponse(
      providerConfigs: page.elements.map(VaultAPI.ProviderConfig.init(_:)),
      nextPageToken: page.nextPageToken ?? "", operatorProviders: vault.operatorProviders)
  }

  func getProviderConfig(
    _ request: VaultAPI.GetProviderConfigRequest, context: ServerContext
  ) async throws -> VaultAPI.ProviderConfig {
    VaultAPI.ProviderConfig(
      try await vault.get(request.id, for: context.caller(), from: context.origin))
  }

  func updateProviderConfig(
    _ request: VaultAPI.UpdateProviderConfigRequest, context: ServerContext
  ) async throws -> VaultAPI.ProviderConfig {
    let config = try await vault.update(
      request.id, ConfigPatch(request), etag: request.etag, for: context.caller(),
      from: context.origin)
    return VaultAPI.ProviderConfig(config)
  }

  func deleteProviderConfig(
    _ request: VaultAPI.DeleteProviderConfigRequest, context: ServerContext
  ) async throws -> Empty {
    try await vault.delete(
      request.id, etag: request.etag, for: context.caller(), from: context.origin)
    return Empty()
  }

  func enableProviderConfig(
    _ request: VaultAPI.EnableProviderConfigRequest, context: ServerContext
  ) async throws -> VaultAPI.ProviderConfig {
    let config = try await vault.setEnabled(
      request.id, to: true, etag: request.etag, for: context.caller(), from: context.origin)
    return VaultAPI.ProviderConfig(config)
  }

  func disableProviderConfig(
    _ request: VaultAPI.DisableProviderConfigRequest, context: ServerContext
  ) async throws -> VaultAPI.ProviderConfig {
    let config = try await vault.setEnabled(
      request.id, to: false, etag: request.etag, for: context.caller(), from: context.origin)
    return VaultAPI.ProviderConfig(config)
  }

  func importProviderConfig(
    _ request: VaultAPI.ImportProviderConfigRequest, context: ServerContext
  ) async throws -> VaultAPI.ImportProviderConfigResponse {
    let result = try await vault.importConfig(
      NewConfig(request), validateOnly: request.validateOnly, replace: request.replace,
      for: context.caller(), from: context.origin)
    return VaultAPI.ImportProviderConfigResponse(result)
  }

  func resolveCredential(
    _ request: VaultAPI.ResolveCredentialRequest, context: ServerContext
  ) async throws -> VaultAPI.ResolveCredentialResponse {
    let credential = try await vault.resolve(
      provider: request.provider, label: request.label, purpose: request.purpose,
      insteadOf: request.refused(vault.ticketSigner), for: context.caller(),
      from: context.origin)
    return VaultAPI.ResolveCredentialResponse(credential, vault.ticketSigner)
  }

  func resolveForTest(
    _ request: VaultAPI.ResolveForTestRequest, context: ServerContext
  ) async throws -> VaultAPI.ResolveCredentialResponse {
    let caller = try context.caller()
    let tested =
      request.id.isEmpty
      ? try await vault.resolveForTest(NewConfig(request), for: caller, from: context.origin)
      : try await vault.resolveForTest(
        request.id, isSecond: request.secondKey, for: caller, from: context.origin)
    return VaultAPI.ResolveCredentialResponse(tested, vault.ticketSigner)
  }

  func revealKey(
    _ request: VaultAPI.RevealKeyRequest, context: ServerContext
  ) async throws -> VaultAPI.RevealedKey {
    VaultAPI.RevealedKey(
      try await vault.reveal(request.id, for: context.caller(), from: context.origin))
  }

  func recordUses(
    _ request: VaultAPI.RecordUsesRequest, context: ServerContext
  ) async throws -> VaultAPI.RecordUsesResponse {
    let ends = request.ends(vault.ticketSigner)
    try await vault.recordUses(ends, by: PeerIdentity.name(in: context.peer.identities))
    return VaultAPI.RecordUsesResponse(
      recorded: Int32(ends.count), refused: Int32(request.uses.count - ends.count))
  }

  func eraseAccount(
    _ request: VaultAPI.EraseAccountRequest, context: ServerContext
  ) async throws -> VaultAPI.EraseAccountResponse {
    let destroyed = try await vault.eraseAccount(
      request.accountId, by: PeerIdentity.name(in: context.peer.identities))
    return VaultAPI.EraseAccountResponse(
      providerConfigs: Int32(clamping: destroyed.configCount),
      dataKeys: Int32(clamping: destroyed.dataKeyCount))
  }
}
