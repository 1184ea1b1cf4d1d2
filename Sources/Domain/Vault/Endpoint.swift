import Providers

/// Where a key may be sent: the provider's own address or one that the user gave.
struct Endpoint: Sendable, Hashable {
  /// The user's; nil where the provider's own is used.
  let url: EndpointURL?
  /// `scheme://host:port`, to which the key is bound.
  let origin: String

  /// Empty or absent text means the provider's own address.
  init(_ text: String?, of provider: Provider) throws(VaultError) {
    if let text, !text.isEmpty {
      guard provider.endpoint != .forbidden else {
        throw .invalid(.baseURL, reason: "cannot be chosen for provider '\(provider.id)'")
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
        throw .invalid(.baseURL, reason: "is required for provider '\(provider.id)'")
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
