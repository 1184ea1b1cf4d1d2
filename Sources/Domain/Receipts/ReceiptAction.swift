/// Everything that may leave a receipt; the raw value is what the audit log shows.
package enum ReceiptAction: String, Sendable, Hashable, CaseIterable {
  case accountCreate = "account.create"
  case accountGet = "account.get"
  case sessionCreate = "session.create"
  case sessionDelete = "session.delete"
  /// Sessions that are over were removed.
  case sessionSweep = "session.sweep"
  /// A session or access token was exchanged for an assertion.
  case credentialAuthenticate = "credential.authenticate"
  case accessTokenCreate = "access-token.create"
  case accessTokenDelete = "access-token.delete"
  case accessTokenList = "access-token.list"
  case operatorImpersonate = "operator.impersonate"
  case providerConfigCreate = "provider-config.create"
  case providerConfigImport = "provider-config.import"
  case providerConfigUpdate = "provider-config.update"
  case providerConfigEnable = "provider-config.enable"
  case providerConfigDisable = "provider-config.disable"
  case providerConfigDelete = "provider-config.delete"
  case providerConfigGet = "provider-config.get"
  case providerConfigList = "provider-config.list"
  /// A key was opened for one use.
  case credentialResolve = "credential.resolve"
  case auditEventAppend = "audit-event.append"
  case auditEventList = "audit-event.list"
  /// A form or request that the person's own pages didn't send: only ever denied.
  case requestForge = "request.forge"
  /// A service called a method that is not for it: only ever denied.
  case peerCall = "peer.call"
}

extension ReceiptAction {
  /// The kind of thing that it is done to: what stands before the dot.
  package var targetType: String {
    String(decoding: rawValue.utf8.prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self)
  }
}
