package import Cryptography
import FoundationEssentials
import Identity
package import Providers
import Receipts
import UseCases

/// Keys of the operator's own, from the environment, for providers of which a user has no key.
///
/// Such a key goes to its provider's own address and nowhere else: it is never combined with an
/// endpoint that a user has stored, or with one from the environment.
package struct OperatorKeys: Sendable {
  /// By the provider's id.
  private let keys: [String: APIKey]

  /// None: the fallback is off.
  package init() { keys = [:] }

  /// Throws `.invalid` for a provider that isn't in the catalogue, that has no address of its own,
  /// or whose key is none.
  package init(
    _ texts: [String: SecretBytes], catalogue: ProviderCatalogue = .standard
  ) throws(VaultError) {
    var keys: [String: APIKey] = [:]
    for (id, text) in texts {
      let provider = try catalogue.known(id)
      guard provider.endpoint != .required, Endpoint.ownOrigin(of: provider) != nil else {
        throw .invalid(.provider, reason: "\(id) has no address of its own to send a key to")
      }
      keys[id] = try text.withUTF8String { (text) throws(VaultError) in try APIKey(text) }
    }
    self.keys = keys
  }

  /// The ids of providers that there is a key for, in alphabetical order.
  package var providers: [String] { keys.keys.sorted() }

  func key(for provider: Provider) -> APIKey? { keys[provider.id] }
}

extension VaultService {
  /// Which providers the operator has keys for, which are used where the caller has none.
  package var operatorProviders: [String] {
    operatorKeys.providers
  }

  /// The operator's key, where the user has none of this provider at all and asked for no label;
  /// nil where there is none. The receipt is committed before the key is returned.
  func resolveOperators(
    _ question: ConfigQuestion, _ provider: Provider, _ entry: inout Entry
  ) async throws(VaultError) -> ResolvedCredential? {
    guard question.label == nil, let key = operatorKeys.key(for: provider),
      let origin = Endpoint.ownOrigin(of: provider)
    else { return nil }
    entry.set(
      Receipt.Target(type: Self.operatorKeyType, id: provider.id, name: "\(provider.id)/operator"),
      origin: origin)
    entry.set("operatorKey", .flag(true))
    let receipt = entry.success(at: door.now)
    try await store.record(receipt, use: nil)
    return ResolvedCredential(
      config: nil, provider: provider.id, key: key.bytes, baseURL: nil, hasOther: false,
      receipt: receipt)
  }

  private static let operatorKeyType = "operator-key"
}
