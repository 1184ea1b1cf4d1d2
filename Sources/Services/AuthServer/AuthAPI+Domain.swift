import Auth
import Cryptography
import FoundationEssentials
import Identity
import Protobuf
import RPC
import ServiceAPI

extension AuthAPI.Account {
  init(_ account: Account) {
    self.init(
      id: account.id.text, email: account.email.text, displayName: account.displayName.text,
      createTime: Timestamp(account.createTime), role: Role(account.role),
      isEmailVerified: account.isVerified)
  }
}

extension AuthAPI.Account.Role {
  fileprivate init(_ role: Identity.Role) {
    switch role {
    case .user: self = .user
    case .auditor: self = .auditor
    case .admin: self = .admin
    }
  }
}

extension Identity.Role {
  init(requested role: AuthAPI.Account.Role) throws(AuthError) {
    switch role {
    case .user: self = .user
    case .auditor: self = .auditor
    case .admin: self = .admin
    case .unspecified, .unrecognized:
      throw .invalid(.role, reason: "must be USER, AUDITOR or ADMIN")
    }
  }
}

extension AuthAPI.User {
  init(_ user: User) {
    self.init(
      account: AuthAPI.Account(user.account), isDisabled: user.account.isDisabled,
      sessionCount: Int32(clamping: user.sessionCount),
      accessTokenCount: Int32(clamping: user.accessTokenCount),
      lastSeenTime: user.lastSeenTime.map { Timestamp($0) },
      hasSecondFactor: user.hasSecondFactor,
      deleteTime: user.account.deleteTime.map { Timestamp($0) })
  }
}

extension AuthAPI.Session {
  init(_ session: Session, isCurrent: Bool) {
    self.init(
      id: session.id.text, device: Device.name(userAgent: session.origin.userAgent),
      ipAddress: session.origin.ipAddress, createTime: Timestamp(session.createTime),
      lastSeenTime: Timestamp(session.lastSeenTime), expireTime: Timestamp(session.expireTime),
      isCurrent: isCurrent)
  }
}

extension AuthAPI.RedeemLinkResponse.Purpose {
  init(_ purpose: LinkPurpose) {
    switch purpose {
    case .verifyEmail: self = .verifyEmail
    case .changeEmail: self = .changeEmail
    case .unlock: self = .unlock
    case .keepAccount: self = .keepAccount
    case .resetPassword, .invitation, .secondFactor: self = .unspecified
    }
  }
}

extension AuthAPI.AccessToken {
  init(_ token: AccessToken) {
    self.init(
      id: token.id.text, name: token.name, prefix: token.hint,
      createTime: Timestamp(token.createTime), expireTime: token.expireTime.map { Timestamp($0) },
      lastUseTime: token.lastUseTime.map { Timestamp($0) },
      scopes: Identity.Scope.allCases.filter(token.scopes.all.contains).map {
        AuthAPI.AccessToken.Scope($0)
      }, lastUseAddress: token.lastUseAddress, limits: AuthAPI.AccessLimits(token.limits),
      parentId: token.parent?.id.text ?? "",
      oldSecretExpireTime: token.oldSecretExpireTime.map { Timestamp($0) })
  }
}

extension AuthAPI.AccessLimits {
  init(_ limits: Identity.AccessLimits) {
    self.init(
      providers: limits.providers, labels: limits.labels, models: limits.models,
      networks: limits.networks)
  }
}

extension Identity.AccessLimits {
  init(_ limits: AuthAPI.AccessLimits?) {
    self.init(
      providers: limits?.providers ?? [], labels: limits?.labels ?? [],
      models: limits?.models ?? [], networks: limits?.networks ?? [])
  }
}

extension AuthAPI.AccessToken.Scope {
  fileprivate init(_ scope: Identity.Scope) {
    switch scope {
    case .use: self = .use
    case .manage: self = .manage
    case .readAudit: self = .readAudit
    }
  }
}

extension Scopes {
  /// What was asked for; nothing means what every token may do.
  init(requested scopes: [AuthAPI.AccessToken.Scope]) throws(AuthError) {
    var all: [Scope] = scopes.isEmpty ? [.use] : []
    for scope in scopes {
      switch scope {
      case .use: all.append(.use)
      case .manage: all.append(.manage)
      case .readAudit: all.append(.readAudit)
      case .unspecified, .unrecognized:
        throw .invalid(.scopes, reason: "must be of USE, MANAGE and READ_AUDIT")
      }
    }
    self.init(all)
  }
}

extension AuthAPI.CreateSessionResponse {
  init(_ started: StartedSession) {
    self.init(
      sessionToken: started.token.text.withUTF8String { $0 },
      account: AuthAPI.Account(started.account),
      expireTime: Timestamp(started.session.expireTime), deviceToken: started.deviceToken)
  }

  init(_ logIn: LogIn) {
    switch logIn {
    case .started(let started): self.init(started)
    case .secondFactor(let token, let hasPasskey):
      self.init(secondFactorToken: token.text.withUTF8String { $0 }, hasPasskey: hasPasskey)
    }
  }
}

extension AuthAPI.AuthenticateResponse {
  init(_ answer: Authenticated) {
    let all = answer.assertions
    self.init(
      assertion: all.first { $0.purpose == nil }?.bytes ?? [],
      expireTime: all.first.map { Timestamp($0.expireTime) },
      account: AuthAPI.Account(answer.account),
      validFor: ProtoDuration(answer.validFor),
      credentialId: answer.credentialID?.text ?? "",
      confirmTime: answer.confirmTime.map { Timestamp($0) },
      assertions: all.compactMap { issued in
        issued.purpose.map {
          AuthAPI.PurposeAssertion(
            purpose: AuthAPI.AssertionPurpose(
              audience: $0.audience.rawValue, methods: $0.methods.rawValue),
            assertion: issued.bytes)
        }
      },
      limits: answer.limits.areNone ? nil : AuthAPI.AccessLimits(answer.limits))
  }
}

extension AssertionTerms {
  private static let digestBytes = 32

  /// Throws `.invalid` for what names no service, no class of methods, or no certificate.
  init(
    _ purposes: [AuthAPI.AssertionPurpose], certificates: [[UInt8]], for peer: Peer
  ) throws(AuthError) {
    guard purposes.count <= AssertionPurpose.countMax else {
      throw .invalid(.purposes, reason: "must be at most \(AssertionPurpose.countMax)")
    }
    guard certificates.count <= AssertionHolder.certificatesMax,
      certificates.allSatisfy({ $0.count == Self.digestBytes })
    else {
      throw .invalid(
        .certificates,
        reason: "must be at most \(AssertionHolder.certificatesMax) SHA-256 digests")
    }
    var wanted: [AssertionPurpose] = []
    for purpose in purposes {
      guard let audience = AssertionAudience(rawValue: purpose.audience),
        let methods = MethodClass(rawValue: purpose.methods)
      else {
        throw .invalid(.purposes, reason: "must name a service and read, manage or use")
      }
      wanted.append(AssertionPurpose(audience, methods))
    }
    // A caller from before there were purposes doesn't know which certificates it will show.
    let own = peer.certificateDigest.isEmpty ? [] : [peer.certificateDigest]
    let bound = purposes.isEmpty ? [] : own + certificates.filter { !own.contains($0) }
    self.init(
      purposes: wanted,
      holder: peer.identities.first.map { AssertionHolder(peer: $0, certificates: bound) })
  }
}

extension PresentedCredential {
  init(_ credential: AuthAPI.AuthenticateRequest.Credential?) throws(AuthError) {
    switch credential {
    case .sessionToken(let text): self = .sessionToken(SecretBytes(utf8: text))
    case .accessToken(let text): self = .accessToken(SecretBytes(utf8: text))
    case nil: throw .invalid(.credential, reason: "must be a session token or an access token")
    }
  }
}
