import Cryptography
import FoundationEssentials
import Identity
import Providers

/// What a caller sends to store a key, as it arrived.
package struct NewConfig: Sendable {
  package let provider: String
  package let label: String
  package let apiKey: String
  package let baseURL: String?
  /// Also what is probably no key of this provider, or is stored already.
  package let storeAnyway: Bool
  package let notes: NotesPatch

  package init(
    provider: String, label: String, apiKey: String, baseURL: String?, storeAnyway: Bool = false,
    notes: NotesPatch = NotesPatch()
  ) {
    self.provider = provider
    self.label = label
    self.apiKey = apiKey
    self.baseURL = baseURL
    self.storeAnyway = storeAnyway
    self.notes = notes
  }
}

/// A new configuration whose every part was checked.
struct ConfigDraft: Sendable {
  let provider: Provider
  let label: Label
  let key: APIKey
  let endpoint: Endpoint
  let notes: ConfigNotes

  init(_ new: NewConfig, catalogue: ProviderCatalogue, at now: Date) throws(VaultError) {
    provider = try catalogue.known(new.provider)
    label = try Label(new.label)
    key = try provider.key(new.apiKey)
    endpoint = try Endpoint(new.baseURL, of: provider)
    var notes = ConfigNotes()
    try new.notes.apply(to: &notes, at: now)
    self.notes = notes
  }

  func config(of userID: UserID, at time: Date) -> ProviderConfig {
    ProviderConfig(
      id: UUID(), userID: userID, provider: provider.id, label: label,
      maskedKey: provider.mask(key), origin: endpoint.origin,
      baseURLHint: endpoint.url?.displayHint, enabled: true, createTime: time, updateTime: time,
      lastUseTime: nil, notes: notes)
  }
}

extension ProviderCatalogue {
  /// The provider, or bad input that names the field.
  func known(_ id: String) throws(VaultError) -> Provider {
    guard !id.isEmpty else { throw .invalid(.provider, reason: "is missing") }
    guard let provider = provider(id: id) else {
      throw .invalid(.provider, reason: "is not a provider of the catalogue")
    }
    return provider
  }
}

extension Provider {
  /// Checks a key; empty text is a key only where the provider needs none.
  func key(_ text: String) throws(VaultError) -> APIKey {
    text.isEmpty && key == .optional ? .none : try APIKey(text)
  }

  func mask(_ key: APIKey) -> MaskedKey {
    guard key.bytes.count > 0 else { return .none }
    return key.bytes.withUnsafeBytes { MaskedKey(key: $0, publicPrefixes: keyPrefixes ?? []) }
  }
}

/// Where a key may be sent: the provider's own address or one that the user gave.
struct Endpoint: Sendable, Hashable {
  /// The user's; nil where the provider's own is used.
  let url: EndpointURL?
  /// `scheme://host:port`, to which the key is bound.
  let origin: String

  /// One of which only the origin is known.
  init(origin: String) { (url, self.origin) = (nil, origin) }

  /// Empty or absent text means the provider's own address.
  init(_ text: String?, of provider: Provider) throws(VaultError) {
    if let text, !text.isEmpty {
      guard provider.endpoint != .forbidden else {
        throw .invalid(.baseURL, reason: "cannot be chosen for \(provider.displayName)")
      }
      let url: EndpointURL
      do {
        url = try EndpointURL(text)
      } catch {
        throw .invalid(.baseURL, reason: "\(error)")
      }
      self.url = url
      origin = url.origin
    } else {
      guard provider.endpoint != .required, let origin = Endpoint.ownOrigin(of: provider) else {
        throw .invalid(.baseURL, reason: "is required for \(provider.displayName)")
      }
      url = nil
      self.origin = origin
    }
  }

  /// The origin of the provider's own address; nil where each user has their own.
  static func ownOrigin(of provider: Provider) -> String? {
    provider.defaultBaseURL.flatMap { try? EndpointURL($0) }?.origin
  }
}
