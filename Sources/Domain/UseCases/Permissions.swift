import FoundationEssentials
package import Identity
import Receipts

/// Who comes to the door.
package enum Principal: Sendable, Hashable {
  /// A person who proved who they are, or whoever acts with their credential.
  case caller(Caller)
  /// Nobody yet: a sign-up, a log-in, a credential that is about to be looked at.
  case stranger
  /// An operator at the machine, by the certificate of the command line.
  case `operator`
  /// A service, by the name in its certificate; or this service itself.
  case service(String)
}

/// A kind of principal that an action may be open to.
enum Bearer: Sendable, Hashable {
  case stranger
  case session
  /// A session of an account with at least this role.
  case role(Role)
  case accessToken(Scope)
  /// An operator at the machine, for a user or for nobody in particular.
  case `operator`
  case service(String)
}

/// Why an action was refused; the raw value is the reason in the receipt.
package enum Refusal: String, Error, Sendable, Hashable {
  /// An access token that was not given what the action needs.
  case missingScope = "missing-scope"
  /// An account whose role doesn't allow it.
  case missingRole = "missing-role"
  /// A session whose owner has to prove once more who they are.
  case confirmationNeeded = "confirmation-needed"
  /// A kind of credential or peer that the action is not for.
  case wrongCredential = "wrong-credential"
  /// An access token that was asked for more than the token that asks has.
  case moreThanOwn = "more-than-own"
  /// A provider that the access token is not for.
  case providerNotAllowed = "provider-not-allowed"
  /// A key whose label the access token is not for.
  case labelNotAllowed = "label-not-allowed"
  /// A form or request that the person's own pages didn't send.
  case crossSite = "cross-site"
  /// A service that called a method which is not for it.
  case peerNotAllowed = "peer-not-allowed"
}

/// Who may do what, and what of it leaves a receipt: all of it, in one table.
package enum Permissions {
  /// What leaves a receipt.
  enum Leaves: Sendable {
    /// Success, failure and refusal.
    case everything
    /// Only a refusal: reading is not recorded, and a failed read found nothing.
    case refusals
    /// Nothing: it comes before anyone is known, and a flood must not fill the log.
    case nothing
  }

  struct Rule: Sendable {
    let bearers: Set<Bearer>
    let leaves: Leaves
    /// A session must have been confirmed a moment ago: by log-in, or by the password once more.
    let needsConfirmation: Bool

    init(_ bearers: Set<Bearer>, _ leaves: Leaves, needsConfirmation: Bool = false) {
      self.bearers = bearers
      self.leaves = leaves
      self.needsConfirmation = needsConfirmation
    }
  }

  static func rule(for action: ReceiptAction) -> Rule { rules[action] ?? Rule([], .everything) }

  /// The table. An action without a row is open to nobody.
  private static let rules: [ReceiptAction: Rule] = [
    .accountCreate: Rule([.stranger], .everything),
    .accountGet: Rule(
      [
        .session, .accessToken(.use), .accessToken(.manage), .accessToken(.readAudit), .operator,
      ], .refusals),
    .sessionCreate: Rule([.stranger], .everything),
    .sessionDelete: Rule([.session], .everything),
    .sessionSweep: Rule([.service("auth")], .nothing),
    .credentialAuthenticate: Rule([.stranger], .nothing),
    .accessTokenCreate: Rule(
      [.session, .accessToken(.manage)], .everything, needsConfirmation: true),
    .accessTokenDerive: Rule(
      [.session, .accessToken(.use), .accessToken(.manage), .accessToken(.readAudit)],
      .everything),
    .accessTokenRotate: Rule(
      [.session, .accessToken(.manage)], .everything, needsConfirmation: true),
    .accountTokensRevoke: Rule([.role(.admin), .operator], .everything, needsConfirmation: true),
    // Without `manage`, itself only.
    .accessTokenDelete: Rule(
      [.session, .accessToken(.use), .accessToken(.manage), .accessToken(.readAudit)],
      .everything),
    .accessTokenList: Rule([.session, .accessToken(.manage)], .refusals),
    .operatorImpersonate: Rule([.operator], .everything),

    .linkRedeem: Rule([.stranger], .nothing),
    .emailVerificationSend: Rule([.session], .everything),
    .emailVerify: Rule([.stranger], .everything),
    .emailChangeRequest: Rule([.session], .everything, needsConfirmation: true),
    .emailChange: Rule([.stranger], .everything),
    .passwordChange: Rule([.session], .everything, needsConfirmation: true),
    .passwordResetRequest: Rule([.stranger], .everything),
    .passwordReset: Rule([.stranger], .everything),
    .sessionList: Rule([.session], .refusals),
    .sessionRevoke: Rule([.session], .everything),
    .sessionRotate: Rule([.session], .refusals),
    .sessionConfirm: Rule([.session], .everything),
    .secondFactorGet: Rule([.session], .refusals),
    .secondFactorEnable: Rule([.session], .everything, needsConfirmation: true),
    .secondFactorDisable: Rule([.session], .everything, needsConfirmation: true),
    .recoveryCodesCreate: Rule([.session], .everything, needsConfirmation: true),
    .passkeyCreate: Rule([.session], .everything, needsConfirmation: true),
    .passkeyRename: Rule([.session], .everything),
    .passkeyDelete: Rule([.session], .everything, needsConfirmation: true),
    .passkeyList: Rule([.session], .refusals),
    .logInBegin: Rule([.stranger], .nothing),
    .identityLink: Rule([.session], .everything, needsConfirmation: true),
    .identityUnlink: Rule([.session], .everything, needsConfirmation: true),
    .identityList: Rule([.session], .refusals),
    .accountFactorReset: Rule([.role(.admin), .operator], .everything, needsConfirmation: true),

    .accountList: Rule([.role(.admin), .operator], .everything),
    .accountInvite: Rule([.role(.admin), .operator], .everything, needsConfirmation: true),
    .accountRoleSet: Rule([.role(.admin), .operator], .everything, needsConfirmation: true),
    .accountDisable: Rule([.role(.admin), .operator], .everything, needsConfirmation: true),
    .accountEnable: Rule([.role(.admin), .operator], .everything, needsConfirmation: true),
    .accountUnlock: Rule(
      [.stranger, .role(.admin), .operator], .everything, needsConfirmation: true),
    .accountSignOut: Rule([.role(.admin), .operator], .everything, needsConfirmation: true),
    .accountPasswordReset: Rule([.role(.admin), .operator], .everything, needsConfirmation: true),
    .accountDeleteRequest: Rule([.session], .everything, needsConfirmation: true),
    .accountDelete: Rule([.role(.admin), .operator], .everything, needsConfirmation: true),
    .accountRestore: Rule(
      [.stranger, .role(.admin), .operator], .everything, needsConfirmation: true),
    .accountErase: Rule([.service("auth"), .operator], .everything),

    .providerConfigCreate: Rule([.session, .accessToken(.manage)], .everything),
    .providerConfigImport: Rule([.session, .accessToken(.manage), .operator], .everything),
    .providerConfigUpdate: Rule([.session, .accessToken(.manage)], .everything),
    .providerConfigEnable: Rule([.session, .accessToken(.manage)], .everything),
    .providerConfigDisable: Rule([.session, .accessToken(.manage)], .everything),
    .providerConfigDelete: Rule([.session, .accessToken(.manage)], .everything),
    .providerConfigGet: Rule([.session, .accessToken(.manage)], .refusals),
    .providerConfigList: Rule([.session, .accessToken(.manage), .operator], .refusals),
    .providerConfigRestore: Rule([.session, .accessToken(.manage)], .everything),
    .providerConfigUndelete: Rule([.session, .accessToken(.manage)], .everything),
    .providerConfigStage: Rule([.session, .accessToken(.manage)], .everything),
    .providerConfigSwitch: Rule([.session, .accessToken(.manage)], .everything),
    .providerConfigUnstage: Rule([.session, .accessToken(.manage)], .everything),
    .formerKeyList: Rule([.session, .accessToken(.manage)], .refusals),
    .formerKeyDestroy: Rule([.service("vault")], .everything),
    .keyNoticeDeliver: Rule([.service("gateway")], .refusals),
    .credentialResolve: Rule([.session, .accessToken(.use)], .everything),
    .credentialTest: Rule(
      [.session, .accessToken(.use), .accessToken(.manage)], .everything),
    .credentialReveal: Rule([.session], .everything, needsConfirmation: true),
    .credentialUse: Rule([.service("gateway")], .everything),

    .masterKeyGet: Rule([.operator], .nothing),
    .masterKeyRotate: Rule([.operator], .everything),
    .masterKeyVerify: Rule([.operator], .everything),

    .auditEventAppend: Rule([.service("auth"), .service("vault")], .refusals),
    .auditEventList: Rule([.session, .accessToken(.readAudit)], .refusals),
    .auditEventListAll: Rule([.role(.auditor)], .everything),
    .auditLogGet: Rule([.service("gateway")], .refusals),
  ]

  /// Nil when `principal` may do `action`.
  static func refusal(of principal: Principal, _ rule: Rule, at now: Date) -> Refusal? {
    switch principal {
    case .stranger: rule.bearers.contains(.stranger) ? nil : .wrongCredential
    case .operator: rule.bearers.contains(.operator) ? nil : .wrongCredential
    case .service(let name): rule.bearers.contains(.service(name)) ? nil : .wrongCredential
    case .caller(let caller): refusal(of: caller, rule) ?? confirmation(of: caller, rule, at: now)
    }
  }

  private static func confirmation(
    of caller: Caller, _ rule: Rule, at now: Date
  ) -> Refusal? {
    guard rule.needsConfirmation, case .session = caller.credential else { return nil }
    return caller.isConfirmed(at: now) ? nil : .confirmationNeeded
  }

  private static func refusal(of caller: Caller, _ rule: Rule) -> Refusal? {
    switch caller.credential {
    case .session:
      if rule.bearers.contains(.session) { return nil }
      // An admin may do what an auditor may.
      let roles: [Role] = caller.role == .admin ? [.admin, .auditor] : [caller.role]
      if roles.contains(where: { rule.bearers.contains(.role($0)) }) { return nil }
      let isOfARole = Role.allCases.contains { rule.bearers.contains(.role($0)) }
      return isOfARole ? .missingRole : .wrongCredential
    case .operator: return rule.bearers.contains(.operator) ? nil : .wrongCredential
    case .accessToken:
      let wanted = Scope.allCases.filter { rule.bearers.contains(.accessToken($0)) }
      if wanted.contains(where: caller.scopes.all.contains) { return nil }
      return wanted.isEmpty ? .wrongCredential : .missingScope
    }
  }
}

extension Refusal {
  /// What the caller reads; says what to do and nothing about anybody else.
  package var message: String {
    switch self {
    case .missingScope: "the access token was not given the scope that this needs"
    case .confirmationNeeded:
      "prove once more who you are before you do this: by your password or a passkey"
    case .missingRole: "this is for accounts with another role"
    case .wrongCredential: "this can't be done with this kind of credential"
    case .moreThanOwn:
      "an access token can't create one with more scopes or a longer life than its own"
    case .providerNotAllowed:
      "the access token is limited to other providers; whoever made it can make one for this"
    case .labelNotAllowed:
      "the access token is limited to keys with other labels; name one of them "
        + "(X-Chatelaine-Label), or use another token"
    case .crossSite: "the request didn't come from the portal's own pages"
    case .peerNotAllowed: "this peer may not call this method"
    }
  }
}
