package import Cryptography
import Encodings
package import FoundationEssentials
import Protobuf
import Synchronization

/// What the operator says of a provider.
package struct IdentityProviderSettings: Sendable {
  /// Stands in addresses and nowhere else.
  package let id: String
  /// What people call it.
  package let name: String
  /// As the provider spells it, character by character.
  package let issuer: String
  package let clientID: String
  /// Empty for a public client.
  package let clientSecret: SecretBytes
  package let scope: String

  package init(
    id: String, name: String, issuer: String, clientID: String, clientSecret: SecretBytes,
    scope: String = "openid email profile"
  ) {
    self.id = id
    self.name = name
    self.issuer = issuer
    self.clientID = clientID
    self.clientSecret = clientSecret
    self.scope = scope
  }
}

/// What makes one log-in different from all others.
package struct AuthorizationSecrets: Sendable, Hashable {
  package let state: String
  package let nonce: String
  /// Of PKCE (RFC 7636): its hash goes out by the browser, itself only to the provider.
  package let verifier: String

  package init(state: String, nonce: String, verifier: String) {
    self.state = state
    self.nonce = nonce
    self.verifier = verifier
  }
}

/// A provider of log-in by OpenID Connect: discovery, the way there, and what comes back.
package final class IdentityProvider: Sendable {
  /// How long the provider's addresses and keys are taken for true.
  package static let documentLifetime: Duration = .seconds(3_600)
  /// Keys are fetched anew for a token that names an unknown one, this often at most.
  package static let refetchInterval: Duration = .seconds(30)

  private struct Metadata: Sendable {
    let authorizationEndpoint: String
    let tokenEndpoint: String
    let keysAddress: String
    /// RFC 9207: answers say whose they are.
    let namesIssuer: Bool
    /// The secret is sent in the form, where the provider takes it no other way.
    let takesSecretInForm: Bool
  }

  private struct Known: Sendable {
    var metadata: (value: Metadata, time: Date)?
    var keys: (value: JSONWebKeySet, time: Date)?
  }

  package let settings: IdentityProviderSettings
  private let fetch: HTTPSFetch
  private let clock: @Sendable () -> Date
  private let known = Mutex(Known())

  package init(
    _ settings: IdentityProviderSettings, fetch: HTTPSFetch,
    clock: @escaping @Sendable () -> Date = { Date() }
  ) {
    self.settings = settings
    self.fetch = fetch
    self.clock = clock
  }

  /// Where the browser goes (OpenID Connect Core 1.0, 3.1.2.1).
  package func authorizationURL(
    _ secrets: AuthorizationSecrets, redirectURI: String
  ) async throws(OpenIDError) -> String {
    let endpoint = try await metadata().authorizationEndpoint
    let challenge = Base64.url.encode(SHA256Digest.hash(Array(secrets.verifier.utf8)))
    let query = Self.form([
      ("response_type", "code"), ("client_id", settings.clientID), ("scope", settings.scope),
      ("redirect_uri", redirectURI), ("state", secrets.state), ("nonce", secrets.nonce),
      ("code_challenge", challenge), ("code_challenge_method", "S256"),
    ])
    return endpoint + (endpoint.utf8.contains(UInt8(ascii: "?")) ? "&" : "?") + query
  }

  /// Who has logged in: exchanges the code, and checks the token that comes back.
  ///
  /// - Parameter issuer: What the answer says of its sender; nil when it says nothing.
  package func identity(
    code: String, issuer: String?, _ secrets: AuthorizationSecrets, redirectURI: String
  ) async throws(OpenIDError) -> IdentityClaims {
    let metadata = try await metadata()
    // Of several providers, only the one that was asked may answer (RFC 9207, 2.4).
    guard issuer == settings.issuer || (issuer == nil && !metadata.namesIssuer) else {
      throw .refused("an answer of another issuer")
    }
    let text = try await token(code, secrets.verifier, redirectURI, metadata)
    let token = try IdentityToken(text)
    var key = try await keys(metadata, newerThan: nil).key(token.keyID, token.algorithm)
    if key == nil {
      key = try await keys(
        metadata, newerThan: clock().addingTimeInterval(-(Self.refetchInterval / .seconds(1)))
      ).key(token.keyID, token.algorithm)
    }
    guard let key else { throw .refused("a token by a key that the provider doesn't have") }
    return try token.verified(
      by: key, issuer: settings.issuer, clientID: settings.clientID, nonce: secrets.nonce,
      at: clock())
  }

  private func token(
    _ code: String, _ verifier: String, _ redirectURI: String, _ metadata: Metadata
  ) async throws(OpenIDError) -> String {
    var fields = [
      ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirectURI),
      ("code_verifier", verifier),
    ]
    var order = HTTPSFetch.Order(
      url: metadata.tokenEndpoint, mayBePrivate: isOwnHost(metadata.tokenEndpoint))
    let secret = settings.clientSecret.withUTF8String { $0 }
    if secret.isEmpty || metadata.takesSecretInForm {
      fields.append(("client_id", settings.clientID))
      if !secret.isEmpty { fields.append(("client_secret", secret)) }
    } else {
      order.user = SecretBytes(utf8: PercentCoding.encode(settings.clientID))
      order.password = SecretBytes(utf8: PercentCoding.encode(secret))
    }
    order.form = SecretBytes(utf8: Self.form(fields))
    let bytes = try await fetch.fetch(order)
    guard let answer = try? JSONParser.parse(bytes),
      let token = answer.string("id_token")
    else { throw .malformed("an answer without an identity token") }
    return token
  }

  // MARK: What the provider publishes

  /// OpenID Connect Discovery 1.0, 4.
  private func metadata() async throws(OpenIDError) -> Metadata {
    let now = clock()
    if let found = known.withLock({ $0.metadata }),
      now.timeIntervalSince(found.time) < Self.documentLifetime / .seconds(1)
    {
      return found.value
    }
    var base = settings.issuer
    if base.utf8.last == UInt8(ascii: "/") { base.removeLast() }
    let url = base + "/.well-known/openid-configuration"
    let bytes = try await fetch.fetch(HTTPSFetch.Order(url: url, mayBePrivate: true))
    guard let document = try? JSONParser.parse(bytes) else {
      throw .malformed("a discovery document that is no JSON")
    }
    guard document.string("issuer") == settings.issuer else {
      throw .refused("a discovery document of another issuer")
    }
    guard let authorization = document.string("authorization_endpoint"),
      let token = document.string("token_endpoint"), let keys = document.string("jwks_uri"),
      [authorization, token, keys].allSatisfy({ Self.host(ofHTTPS: $0) != nil })
    else { throw .malformed("a discovery document without its addresses") }
    var methods: [JSONValue] = []
    if case .array(let said)? = document["token_endpoint_auth_methods_supported"] { methods = said }
    let metadata = Metadata(
      authorizationEndpoint: authorization, tokenEndpoint: token, keysAddress: keys,
      namesIssuer: document["authorization_response_iss_parameter_supported"] == .bool(true),
      takesSecretInForm: methods.contains(.string("client_secret_post"))
        && !methods.contains(.string("client_secret_basic")))
    known.withLock { $0.metadata = (metadata, now) }
    return metadata
  }

  /// The keys that are known; fetched when there are none, they are old, or from before `moment`.
  private func keys(
    _ metadata: Metadata, newerThan moment: Date?
  ) async throws(OpenIDError) -> JSONWebKeySet {
    let now = clock()
    if let found = known.withLock({ $0.keys }),
      now.timeIntervalSince(found.time) < Self.documentLifetime / .seconds(1),
      moment.map({ found.time > $0 }) ?? true
    {
      return found.value
    }
    let keys = try JSONWebKeySet(
      json: try await fetch.fetch(
        HTTPSFetch.Order(
          url: metadata.keysAddress, mayBePrivate: isOwnHost(metadata.keysAddress))))
    known.withLock { $0.keys = (keys, now) }
    return keys
  }

  /// The operator has named the issuer's host, wherever it is; other hosts must be public.
  private func isOwnHost(_ url: String) -> Bool {
    Self.host(ofHTTPS: url) == Self.host(ofHTTPS: settings.issuer)
  }

  /// Nil for anything but an https address without user and fragment.
  package static func host(ofHTTPS text: String) -> String? {
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), let url = URL(string: text),
      url.scheme == "https", let host = url.host(), !host.isEmpty, url.user() == nil,
      url.fragment() == nil
    else { return nil }
    return host.lowercased()
  }

  private static func form(_ fields: [(String, String)]) -> String {
    fields.map { "\($0)=\(PercentCoding.encode($1))" }.joined(separator: "&")
  }
}
