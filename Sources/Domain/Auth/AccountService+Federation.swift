import FoundationEssentials
package import Identity
import Receipts
import UseCases

/// The identities at providers that let into an account.
extension AccountService {
  /// The way to a provider, to connect the identity there with the caller's account.
  package func beginLink(
    with provider: String, for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) -> BegunFederation {
    try await door.perform(.identityLink, by: .caller(caller), from: origin) {
      (_) async throws(AuthError) -> Act<BegunFederation> in
      guard let federation else { throw .notFound }
      return .looked(
        try await federation.begin(provider, .link(session: try session(of: caller)), at: door.now))
    }
  }

  /// Connects the identity with which the caller has come back.
  package func link(
    _ answer: FederationAnswer, for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) -> LinkedIdentity {
    try await door.perform(.identityLink, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<LinkedIdentity> in
      guard let federation else { throw .notFound }
      let account = try await stored(caller).account
      let now = door.now
      let (identity, flow) = try await federation.complete(
        answer, .link(session: try session(of: caller)), at: now)
      let new = federation.new(identity, of: account.id, by: flow, at: now)
      entry.set(.identity(new.identity))
      var change = AccountChange()
      change.newIdentity = new
      change.receipts = [entry.success(at: now)]
      change.mails = mails(.identityLinked, to: account, from: origin)
      try await store.apply(change, to: account.id)
      return .committed(new.identity)
    }
  }

  /// The caller's identities, newest first.
  package func identities(
    of caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) -> [LinkedIdentity] {
    try await door.perform(.identityList, by: .caller(caller), from: origin) {
      (_) async throws(AuthError) -> Act<[LinkedIdentity]> in
      .looked(try await federation?.store.identities(of: caller.userID) ?? [])
    }
  }

  /// Disconnects an identity; another user's is `.notFound` like none at all.
  package func unlink(
    _ id: String, for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) {
    try await door.perform(.identityUnlink, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<Void> in
      let account = try await stored(caller).account
      let known = try await federation?.store.identities(of: account.id) ?? []
      guard let id = UUID(uuidString: id), let identity = known.first(where: { $0.id == id }) else {
        throw .notFound
      }
      entry.set(.identity(identity))
      var change = AccountChange()
      change.removedIdentity = id
      change.receipts = [entry.success(at: door.now)]
      change.mails = mails(.identityUnlinked, to: account, from: origin)
      try await store.apply(change, to: account.id)
      return .committed(())
    }
  }
}

extension Receipt.Target {
  static func identity(_ identity: LinkedIdentity) -> Receipt.Target {
    Receipt.Target(type: "identity", id: identity.id.text, name: identity.issuer)
  }
}
