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
      baseURL: request.baseUrl, storeAnyway: request.storeAnyway,
      notes: NotesPatch(
        note: request.note, tags: request.tags, expireTime: request.expireTime?.date,
        remindTime: request.remindTime?.date))
  }

  init(_ request: VaultAPI.ResolveForTestRequest) {
    self.init(
      provider: request.provider, label: "", apiKey: request.apiKey, baseURL: request.baseUrl)
  }

  init(_ request: VaultAPI.ImportProviderConfigRequest) {
    self.init(
      provider: request.provider, label: request.label, apiKey: request.apiKey,
      baseURL: request.baseUrl,
      notes: NotesPatch(note: request.note.isEmpty ? nil : request.note))
  }
}

extension ConfigPatch {
  init(_ request: VaultAPI.UpdateProviderConfigRequest) {
    self.init(
      label: request.label, apiKey: request.apiKey, baseURL: request.baseUrl,
      enabled: request.enabled, storeAnyway: request.storeAnyway,
      notes: NotesPatch(
        note: request.note, tags: request.tags?.values,
        expireTime: request.expireTime?.date,
        remindTime: request.remindTime?.date, cleared: request.clear))
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
      health: config.health.map(VaultAPI.KeyHealth.init(_:)), etag: config.etag,
      quarantineTime: config.quarantineTime.map { Timestamp($0) }, note: config.notes.note,
      tags: config.notes.tags, expireTime: config.notes.expireTime.map { Timestamp($0) },
      remindTime: config.notes.remindTime.map { Timestamp($0) },
      keyVersion: Int64(config.keyVersion),
      secondKey: config.secondKey.map(VaultAPI.SecondKey.init(_:)),
      fallbackTime: config.fallbackTime.map { Timestamp($0) })
  }
}

extension VaultAPI.SecondKey {
  init(_ key: SecondKey) {
    self.init(
      role: key.role == .next ? .next : .previous, maskedKey: key.maskedKey.text,
      keyVersion: Int64(key.keyVersion), endTime: key.endTime.map { Timestamp($0) })
  }
}

extension ConfigFilter {
  init(_ request: VaultAPI.ListProviderConfigsRequest) throws(VaultError) {
    let state: State? =
      switch request.state {
      case .unspecified: nil
      case .usable: .usable
      case .disabled: .disabled
      case .quarantined: .quarantined
      case .expired: .expired
      case .unrecognized: throw .invalid(.state, reason: "is none that this vault knows")
      }
    try self.init(
      provider: request.provider, tag: request.tag, words: request.text, state: state,
      expireBefore: request.expireBefore?.date)
  }
}

extension VaultAPI.ProviderConfigVersion {
  init(_ former: FormerKey) {
    let config = former.stored.config
    self.init(
      id: former.id.text, configId: config.id.text, provider: config.provider,
      label: config.label.text, maskedKey: config.maskedKey.text, baseUrl: config.baseURLHint,
      endTime: Timestamp(former.endTime), destroyTime: Timestamp(former.destroyTime),
      keyVersion: Int64(config.keyVersion))
  }
}

extension VaultAPI.KeyNotice {
  init(_ notice: KeyNotice) {
    let kind: Kind =
      switch notice.kind {
      case .quarantined: .quarantined
      case .reminder: .reminder
      case .expired: .expired
      }
    self.init(
      id: notice.id.text, accountId: notice.userID.text, kind: kind,
      configId: notice.configID.text, name: notice.name, time: Timestamp(notice.time))
  }
}

extension VaultAPI.KeyState {
  init(_ state: KeyState) {
    self =
      switch state {
      case .valid: .valid
      case .refused: .refused
      case .noCredit: .noCredit
      case .rateLimited: .rateLimited
      case .unreachable: .unreachable
      }
  }
}

extension VaultAPI.KeyHealth {
  init(_ health: KeyHealth) {
    self.init(
      lastStatus: Int32(clamping: health.lastStatus),
      lastAnswerTime: Timestamp(health.lastAnswerTime),
      consecutiveRefusals: Int32(clamping: health.consecutiveRefusals),
      lastGoodTime: health.lastGoodTime.map { Timestamp($0) },
      lastFailureTime: health.lastFailureTime.map { Timestamp($0) },
      lastFailure: health.lastFailure.map(VaultAPI.KeyState.init(_:)) ?? .unspecified,
      consecutiveFailures: Int32(clamping: health.consecutiveFailures))
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

extension VaultAPI.RevealedKey {
  /// The message is the one place outside locked memory where the key stands in clear.
  init(_ revealed: RevealedKey) {
    self.init(
      provider: revealed.config.provider, label: revealed.config.label.text,
      apiKey: revealed.key.bytes.withUTF8String { $0 }, baseUrl: revealed.baseURL,
      keyVersion: Int64(revealed.config.keyVersion))
  }
}

extension VaultAPI.ResolveCredentialResponse {
  /// The message is the one place outside locked memory where the key stands in clear.
  init(_ credential: ResolvedCredential, _ signer: UseTicketSigner) {
    self.init(
      configId: credential.config?.id.text ?? "", provider: credential.provider,
      label: credential.config?.label.text ?? "",
      apiKey: credential.key.withUTF8String { $0 }, baseUrl: credential.baseURL,
      useTicket: signer.sign(AuditAPI.AuditEvent(credential.receipt).packed()),
      hasOtherKey: credential.hasOther, operatorKey: credential.config == nil)
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
