import Cryptography
import FoundationEssentials
import Identity
import Outbox
import Protobuf
import Providers
import ServiceAPI
import Vault

extension NewConfig {
  init(_ request: VaultAPI.CreateProviderConfigRequest) {
    self.init(
      provider: request.provider, label: request.label, apiKey: request.apiKey,
      baseURL: request.baseUrl, storeAnyway: request.storeAnyway)
  }

  init(_ request: VaultAPI.ResolveForTestRequest) {
    self.init(
      provider: request.provider, label: "", apiKey: request.apiKey, baseURL: request.baseUrl)
  }

  init(_ request: VaultAPI.ImportProviderConfigRequest) {
    self.init(
      provider: request.provider, label: request.label, apiKey: request.apiKey,
      baseURL: request.baseUrl)
  }
}

extension ConfigPatch {
  init(_ request: VaultAPI.UpdateProviderConfigRequest) {
    self.init(
      label: request.label, apiKey: request.apiKey, baseURL: request.baseUrl,
      enabled: request.enabled, storeAnyway: request.storeAnyway)
  }
}

extension VaultAPI.ProviderConfig {
  init(_ config: ProviderConfig) {
    self.init(
      id: config.id.text, provider: config.provider,
      label: config.label.text, maskedKey: config.maskedKey.text, baseUrl: config.baseURLHint,
      enabled: config.enabled, createTime: Timestamp(config.createTime),
      updateTime: Timestamp(config.updateTime),
      lastUseTime: config.lastUseTime.map { Timestamp($0) },
      health: config.health.map(VaultAPI.KeyHealth.init(_:)))
  }
}

extension VaultAPI.KeyHealth {
  init(_ health: KeyHealth) {
    self.init(
      lastStatus: Int32(clamping: health.lastStatus),
      lastAnswerTime: Timestamp(health.lastAnswerTime),
      consecutiveRefusals: Int32(clamping: health.consecutiveRefusals))
  }
}

extension VaultAPI.ImportProviderConfigResponse {
  init(_ result: ImportResult) {
    let outcome: Outcome =
      switch result.outcome {
      case .imported: .imported
      case .alreadyPresent: .alreadyPresent
      case .conflict: .conflict
      }
    self.init(
      outcome: outcome, providerConfig: result.config.map(VaultAPI.ProviderConfig.init(_:)))
  }
}

extension VaultAPI.ResolveCredentialResponse {
  /// The message is the one place outside locked memory where the key stands in clear.
  init(_ credential: ResolvedCredential, _ signer: UseTicketSigner) {
    self.init(
      configId: credential.config.id.text,
      provider: credential.config.provider, label: credential.config.label.text,
      apiKey: credential.key.withUTF8String { $0 }, baseUrl: credential.baseURL,
      useTicket: signer.sign(AuditAPI.AuditEvent(credential.receipt).packed()))
  }

  /// The same of a key that is tested.
  init(_ tested: KeyUnderTest, _ signer: UseTicketSigner) {
    self.init(
      configId: tested.config?.id.text ?? "", provider: tested.provider.id,
      label: tested.config?.label.text ?? "",
      apiKey: tested.key.bytes.withUTF8String { $0 }, baseUrl: tested.baseURL,
      useTicket: signer.sign(AuditAPI.AuditEvent(tested.receipt).packed()))
  }
}
