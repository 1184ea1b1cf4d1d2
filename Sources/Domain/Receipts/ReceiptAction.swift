// Generated from Protos/chatelaine/audit/v1/action.proto by `make generate`.

/// Everything that leaves a receipt; the raw value is what the audit log shows.
package enum ReceiptAction: String, Sendable, Hashable, CaseIterable {
  /// A person signs up.
  case accountCreate = "account.create"
  /// A log-in; `FAILURE` for a wrong password, code or passkey of a known account.
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
  /// Everything was brought under another master key, in no account.
  case masterKeyRotate = "master-key.rotate"
  /// An operator has every stored key opened to see that it does, in no account.
  case masterKeyVerify = "master-key.verify"
  /// The mail that confirms an address is asked for again.
  case emailVerificationSend = "email.send-verification"
  /// The link of the confirmation mail is used.
  case emailVerify = "email.verify"
  /// Another e-mail address is asked for; a link goes there.
  case emailChangeRequest = "email.request-change"
  /// The link at the new address is used; the old one gets a mail.
  case emailChange = "email.change"
  /// A password is changed with the old one; `FAILURE` for a wrong one.
  case passwordChange = "password.change"
  /// Somebody asks for a link to choose a new password.
  case passwordResetRequest = "password.request-reset"
  /// The link is used; all sessions end.
  case passwordReset = "password.reset"
  /// Sessions are listed; only `DENIED` is recorded.
  case sessionList = "session.list"
  /// Sessions are ended by their owner: one, or all others.
  case sessionRevoke = "session.revoke"
  /// An admin or operator looks at accounts.
  case accountList = "account.list"
  /// An admin or operator invites somebody.
  case accountInvite = "account.invite"
  /// An admin or operator changes an account's role.
  case accountRoleSet = "account.set-role"
  /// An admin or operator shuts an account out; its sessions end and its tokens don't work.
  case accountDisable = "account.disable"
  /// An admin or operator lets it in again.
  case accountEnable = "account.enable"
  /// Log-in is opened again after too many wrong passwords.
  case accountUnlock = "account.unlock"
  /// An admin or operator ends all of an account's sessions.
  case accountSignOut = "account.sign-out"
  /// An admin or operator has an account choose a new password.
  case accountPasswordReset = "account.reset-password"
  /// An auditor or admin reads the log of everybody.
  case auditEventListAll = "audit-event.list-all"
  /// Password or passkey once more; `FAILURE` for a wrong one, or a wrong code.
  case sessionConfirm = "session.confirm"
  /// The state of the second factor is read; only `DENIED` is recorded.
  case secondFactorGet = "second-factor.get"
  /// An authenticator app is added, or its code tried; `FAILURE` for a wrong code.
  case secondFactorEnable = "second-factor.enable"
  /// The authenticator app is removed.
  case secondFactorDisable = "second-factor.disable"
  /// Recovery codes are made; those from before work no more.
  case recoveryCodesCreate = "second-factor.create-recovery-codes"
  /// An admin or operator removes an account's authenticator app and passkeys.
  case accountFactorReset = "account.reset-second-factor"
  /// Its owner wants an account deleted; it is kept for the grace period.
  case accountDeleteRequest = "account.request-deletion"
  /// An account that was to be deleted is kept: by a link, a log-in, an admin or operator.
  case accountRestore = "account.restore"
  /// An account is no more; each service records what it has destroyed.
  case accountErase = "account.erase"
  /// A session or access token mints a short-lived token for itself.
  case accessTokenDerive = "access-token.derive"
  /// An access token gets another secret.
  case accessTokenRotate = "access-token.rotate"
  /// An admin or operator has an account deleted, after the grace period or at once.
  case accountDelete = "account.delete"
  /// An admin or operator revokes all of an account's access tokens.
  case accountTokensRevoke = "account.revoke-tokens"
  /// A passkey is added; `FAILURE` for one that doesn't hold what it promises.
  case passkeyCreate = "passkey.create"
  /// A passkey gets another name.
  case passkeyRename = "passkey.rename"
  /// A passkey is removed by its owner.
  case passkeyDelete = "passkey.delete"
  /// Passkeys are listed; only `DENIED` is recorded.
  case passkeyList = "passkey.list"
  /// An identity at an OpenID Connect provider becomes a way into the account.
  case identityLink = "identity.link"
  /// An identity at an OpenID Connect provider is no way into the account any more.
  case identityUnlink = "identity.unlink"
  /// Connected identities are listed; only `DENIED` is recorded.
  case identityList = "identity.list"
  /// A former key becomes its configuration's own again.
  case providerConfigRestore = "provider-config.restore"
  /// A deleted configuration is brought back.
  case providerConfigUndelete = "provider-config.undelete"
  /// The time ends for which a replaced, deleted or previous key is kept.
  case formerKeyDestroy = "former-key.destroy"
  /// A provider has refused a key many times in a row, and it isn't used any more.
  case providerConfigQuarantine = "provider-config.quarantine"
  /// A new key is put beside the one that is used.
  case providerConfigStage = "provider-config.stage"
  /// The two keys of a configuration change places.
  case providerConfigSwitch = "provider-config.switch"
  /// The second key of a configuration is destroyed by its owner.
  case providerConfigUnstage = "provider-config.unstage"
  /// A stored key is shown to its owner, as `chatelaine env export` asks for.
  case credentialReveal = "credential.reveal"
  /// Sessions that are over are removed.
  case sessionSweep = "session.sweep"
  /// A session or access token is exchanged for an assertion.
  case credentialAuthenticate = "credential.authenticate"
  /// An operator asks which master keys are needed.
  case masterKeyGet = "master-key.get"
  /// A challenge for a passkey, or the way to a log-in provider, is asked for.
  case logInBegin = "log-in.begin"
  /// A session goes on under another token, after what changes how its owner gets in.
  case sessionRotate = "session.rotate"
  /// Former keys are listed.
  case formerKeyList = "former-key.list"
  /// What owners are told of their keys is on its way.
  case keyNoticeDeliver = "key-notice.deliver"
  /// A link of a mail is looked up.
  case linkRedeem = "link.redeem"
  /// A checkpoint, tile or leaves of the log are read; only `DENIED` is recorded.
  case auditLogGet = "audit-log.get"
}
