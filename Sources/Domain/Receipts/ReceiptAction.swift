// Generated from Protos/chatelaine/audit/v1/action.proto by `make generate`.

/// Everything that leaves a receipt; the raw value is what the audit log shows.
package enum ReceiptAction: String, Sendable, Hashable, CaseIterable {
  /// A person signs up.
  case accountCreate = "account.create"
  /// A log-in; `FAILURE` for a wrong password of a known account.
  case sessionCreate = "session.create"
  /// A log-out.
  case sessionDelete = "session.delete"
  /// An access token is made.
  case accessTokenCreate = "access-token.create"
  /// An access token is revoked.
  case accessTokenDelete = "access-token.delete"
  /// A key is stored.
  case providerConfigCreate = "provider-config.create"
  /// A key is stored from an environment file.
  case providerConfigImport = "provider-config.import"
  /// A key, label or endpoint is replaced.
  case providerConfigUpdate = "provider-config.update"
  /// A key is allowed to be used again.
  case providerConfigEnable = "provider-config.enable"
  /// A key is kept from being used.
  case providerConfigDisable = "provider-config.disable"
  /// A key is deleted.
  case providerConfigDelete = "provider-config.delete"
  /// A key is opened for one use; recorded before it leaves the vault.
  case credentialResolve = "credential.resolve"
  /// A key is about to be shown to its provider, to see whether it is taken.
  case credentialTest = "credential.test"
  /// A use of a key by the proxy ends; `SUCCESS` for a whole answer below 400.
  case credentialUse = "credential.use"
  /// An operator's command acts for the account.
  case operatorImpersonate = "operator.impersonate"
  /// An account is read; only `DENIED` is recorded.
  case accountGet = "account.get"
  /// Access tokens are listed; only `DENIED` is recorded.
  case accessTokenList = "access-token.list"
  /// A masked key is read; only `DENIED` is recorded.
  case providerConfigGet = "provider-config.get"
  /// Masked keys are listed; only `DENIED` is recorded.
  case providerConfigList = "provider-config.list"
  /// The log is read; only `DENIED` is recorded.
  case auditEventList = "audit-event.list"
  /// A service adds to the log; only `DENIED` is recorded.
  case auditEventAppend = "audit-event.append"
  /// A request with the session that the portal's own pages did not send; always `DENIED`.
  case requestForge = "request.forge"
  /// A service calls a method that is not for it; always `DENIED`, in no account.
  case peerCall = "peer.call"
  /// Sessions that are over are removed.
  case sessionSweep = "session.sweep"
  /// A session or access token is exchanged for an assertion.
  case credentialAuthenticate = "credential.authenticate"
}
