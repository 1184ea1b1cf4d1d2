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
  case accessToken(Scope)
  /// An operator at the machine, for a user or for nobody in particular.
  case `operator`
  case service(String)
}

/// Why an action was refused; the raw value is the reason in the receipt.
package enum Refusal: String, Error, Sendable, Hashable {
  /// An access token that was not given what the action needs.
  case missingScope = "missing-scope"
  /// A kind of credential or peer that the action is not for.
  case wrongCredential = "wrong-credential"
  /// An access token that was asked for more than the token that asks has.
  case moreThanOwn = "more-than-own"
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

    init(_ bearers: Set<Bearer>, _ leaves: Leaves) {
      self.bearers = bearers
      self.leaves = leaves
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
    .accessTokenCreate: Rule([.session, .accessToken(.manage)], .everything),
    .accessTokenDelete: Rule([.session, .accessToken(.manage)], .everything),
    .accessTokenList: Rule([.session, .accessToken(.manage)], .refusals),
    .operatorImpersonate: Rule([.operator], .everything),

    .providerConfigCreate: Rule([.session, .accessToken(.manage)], .everything),
    .providerConfigImport: Rule([.session, .accessToken(.manage), .operator], .everything),
    .providerConfigUpdate: Rule([.session, .accessToken(.manage)], .everything),
    .providerConfigEnable: Rule([.session, .accessToken(.manage)], .everything),
    .providerConfigDisable: Rule([.session, .accessToken(.manage)], .everything),
    .providerConfigDelete: Rule([.session, .accessToken(.manage)], .everything),
    .providerConfigGet: Rule([.session, .accessToken(.manage)], .refusals),
    .providerConfigList: Rule([.session, .accessToken(.manage), .operator], .refusals),
    .credentialResolve: Rule([.session, .accessToken(.use)], .everything),
    .credentialTest: Rule(
      [.session, .accessToken(.use), .accessToken(.manage)], .everything),
    .credentialUse: Rule([.service("gateway")], .everything),

    .auditEventAppend: Rule([.service("auth"), .service("vault")], .refusals),
    .auditEventList: Rule([.session, .accessToken(.readAudit)], .refusals),
  ]

  /// Nil when `principal` may do `action`.
  static func refusal(of principal: Principal, _ rule: Rule) -> Refusal? {
    switch principal {
    case .stranger: rule.bearers.contains(.stranger) ? nil : .wrongCredential
    case .operator: rule.bearers.contains(.operator) ? nil : .wrongCredential
    case .service(let name): rule.bearers.contains(.service(name)) ? nil : .wrongCredential
    case .caller(let caller): refusal(of: caller, rule)
    }
  }

  private static func refusal(of caller: Caller, _ rule: Rule) -> Refusal? {
    switch caller.credential {
    case .session: return rule.bearers.contains(.session) ? nil : .wrongCredential
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
    case .wrongCredential: "this can't be done with this kind of credential"
    case .moreThanOwn:
      "an access token can't create one with more scopes or a longer life than its own"
    case .crossSite: "the request didn't come from the portal's own pages"
    case .peerNotAllowed: "this peer may not call this method"
    }
  }
}
