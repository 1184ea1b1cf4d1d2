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
  /// An operator's command acts for the account.
  case operatorImpersonate = "operator.impersonate"
}
