/// Everything that leaves a receipt; the raw value is what the audit log shows.
package enum ReceiptAction: String, Sendable, Hashable, CaseIterable {
  case accountCreate = "account.create"
  case sessionCreate = "session.create"
  case sessionDelete = "session.delete"
  case accessTokenCreate = "access-token.create"
  case accessTokenDelete = "access-token.delete"
  case operatorImpersonate = "operator.impersonate"
  case providerConfigCreate = "provider-config.create"
  case providerConfigImport = "provider-config.import"
  case providerConfigUpdate = "provider-config.update"
  case providerConfigEnable = "provider-config.enable"
  case providerConfigDisable = "provider-config.disable"
  case providerConfigDelete = "provider-config.delete"
  /// A key was opened for one use.
  case credentialResolve = "credential.resolve"
}
