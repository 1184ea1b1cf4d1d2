import Cryptography
import FoundationEssentials
package import Identity
import Receipts
import UseCases

/// Log-in by OpenID Connect.
extension AuthService {
  /// The providers that are set up, in the operator's order.
  package var logInProviders: [LogInProvider] { federation?.providers.all ?? [] }

  /// The way to a provider, for a log-in.
  package func beginLogIn(
    at provider: String, from origin: CallOrigin
  ) async throws(AuthError) -> BegunFederation {
    try await door.perform(.logInBegin, by: .stranger, from: origin) {
      (_) async throws(AuthError) -> Act<BegunFederation> in
      guard let federation else { throw .notFound }
      let now = door.now
      try await limits.admitLink(from: origin, at: now)
      return .looked(try await federation.begin(provider, .logIn, at: now))
    }
  }

  /// Logs in whom a provider has sent back.
  ///
  /// An identity that is connected with an account logs in to that. Otherwise, where anybody may
  /// sign up, a new account is made of the address that the provider has verified. An address that
  /// has an account is never enough: its owner logs in first, and connects the identity then.
  package func createSession(
    by answer: FederationAnswer, deviceToken: String = "", from origin: CallOrigin
  ) async throws(AuthError) -> LogIn {
    try await door.perform(.sessionCreate, by: .stranger, from: origin) {
      (entry) async throws(AuthError) -> Act<LogIn> in
      guard let federation else { throw .notFound }
      let now = door.now
      try await limits.admitLink(from: origin, at: now)
      let (identity, flow) = try await federation.complete(answer, .logIn, at: now)
      let known = try await federation.store.identity(
        issuer: identity.issuer, subject: identity.subject)
      guard let known else {
        let account = try await signUp(identity, by: flow, from: origin)
        return .committed(
          .started(
            try await start(for: account, rehash: nil, device: nil, from: origin, &entry)))
      }
      guard let stored = try await factors?.store.storedAccount(known.accountID),
        !stored.account.isGone(at: now)
      else { throw .flowOver }
      let account = stored.account
      entry.show(in: account.id)
      entry.set(.account(account))
      guard !account.isDisabled else { throw .disabled }
      try await federation.store.use(
        known.id, flowHash: flow.hash, flowEnd: flow.expireTime, at: now)
      entry.set("issuer", .text(identity.issuer))
      if stored.hasSecondFactor, let factors {
        return .looked(try await waitingLogIn(of: account, factors, at: now))
      }
      let device = devices?.device(deviceToken, of: account.id, at: now)
      return .committed(
        .started(
          try await start(for: account, rehash: nil, device: device, from: origin, &entry)))
    }
  }

  /// Makes an account for somebody whom nobody knows yet.
  private func signUp(
    _ identity: ProvedIdentity, by flow: FederationFlow, from origin: CallOrigin
  ) async throws(AuthError) -> Account {
    try await door.perform(.accountCreate, by: .stranger, from: origin) {
      (entry) async throws(AuthError) -> Act<Account> in
      guard let federation else { throw .notFound }
      guard let text = identity.verifiedEmail else { throw .identityUnverified }
      let email = try EmailAddress(text)
      guard try await store.account(emailKey: email.key) == nil else { throw .identityUnlinked }
      guard accounts.signUp == .open else { throw .signUpClosed(accounts.signUp) }
      try accounts.check(email)
      try await limits.admitSignUp(from: origin, at: door.now)
      let now = door.now
      let account = Account(
        id: UserID(UUID()), email: email,
        displayName: (try? DisplayName(identity.name)) ?? DisplayName(stored: ""),
        createTime: now, verifyTime: now)
      entry.isBy(account.id, email: email.text)
      entry.set(.account(account))
      entry.set("issuer", .text(identity.issuer))
      let hash = try await passwords.hash(try Self.nobodysPassword(), for: origin)
      do throws(AuthError) {
        return .committed(
          try await store.insert(
            NewAccount(
              account: account, passwordHash: hash, mayBecomeAdmin: accounts.firstIsAdmin,
              identity: federation.new(identity, of: account.id, by: flow, at: now),
              receipt: entry.success(at: now))))
      } catch {
        throw error == .emailTaken ? .identityUnlinked : error
      }
    }
  }

  /// Whoever signs up by a provider has no password until they choose one by mail.
  private static func nobodysPassword() throws(AuthError) -> SecretBytes {
    do {
      return try SecretBytes.random(count: 32)
    } catch {
      throw .engine(detail: "password: \(error)")
    }
  }
}
