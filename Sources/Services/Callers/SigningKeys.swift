package import Cryptography
import Identity
package import RPC
package import ServiceAPI
import Synchronization

/// The public keys by which a service knows `auth`, replaced while it runs.
package final class VerifyingKeys: Sendable {
  fileprivate struct State {
    var ordered: [Ed25519.VerifyingKey]
    var byID: [String: Ed25519.VerifyingKey]
    /// Counts the replacements, so that what was verified before is not taken for verified after.
    var version = 0
  }

  private let state: Mutex<State>

  package init(_ keys: [Ed25519.VerifyingKey]) { state = Mutex(State(keys)) }

  /// Ids of all of them, that of `auth`'s current one first in `auth` itself.
  package var ids: [String] { state.withLock { $0.ordered.map(\.keyID) } }

  var version: Int { state.withLock(\.version) }

  subscript(_ id: String) -> Ed25519.VerifyingKey? { state.withLock { $0.byID[id] } }

  /// Says whether they are others than before, or in another order.
  @discardableResult
  package func replace(with keys: [Ed25519.VerifyingKey]) -> Bool {
    state.withLock { state in
      guard state.ordered.map(\.keyID) != keys.map(\.keyID) else { return false }
      let version = state.version + 1
      state = State(keys)
      state.version = version
      return true
    }
  }
}

extension VerifyingKeys.State {
  fileprivate init(_ keys: [Ed25519.VerifyingKey]) {
    ordered = keys
    byID = Dictionary(keys.map { ($0.keyID, $0) }, uniquingKeysWith: { first, _ in first })
  }
}

/// `auth`'s private keys: the first signs, what the others have signed is still taken. Replaced
/// while it runs.
package final class SigningKeys: Sendable {
  /// The public halves, the current one first.
  package let verifyingKeys: VerifyingKeys
  private let key: Mutex<Ed25519.SigningKey>

  /// - Parameter keys: at least one.
  package init(_ keys: [Ed25519.SigningKey]) {
    precondition(!keys.isEmpty, "a service without a signing key doesn't start")
    verifyingKeys = VerifyingKeys(keys.map(\.verifyingKey))
    key = Mutex(keys[0])
  }

  package var current: Ed25519.SigningKey { key.withLock(\.self) }

  /// Says whether they are others than before. None are no replacement.
  @discardableResult
  package func replace(with keys: [Ed25519.SigningKey]) -> Bool {
    guard let first = keys.first else { return false }
    // What is signed from now on can be verified already.
    let isChanged = verifyingKeys.replace(with: keys.map(\.verifyingKey))
    if isChanged { key.withLock { $0 = first } }
    return isChanged
  }
}

/// Tells an operator by which keys this process knows who a call is made for: before a new key
/// signs, every process has to have it.
package struct AssertionKeysHandler: IdentityAPI.AssertionKeysServiceProtocol {
  /// Public keys are no secret; that one is being replaced is nobody else's business.
  package static let allowedPeers = PeerAllowList.rules(
    IdentityAPI.AssertionKeysMethods.all, allow: [PeerIdentity.operator])

  private let keys: VerifyingKeys

  package init(keys: VerifyingKeys) { self.keys = keys }

  package func listAssertionKeys(
    _ request: IdentityAPI.ListAssertionKeysRequest, context: ServerContext
  ) async throws -> IdentityAPI.ListAssertionKeysResponse {
    IdentityAPI.ListAssertionKeysResponse(keyIds: keys.ids)
  }
}
