import Auth
import Cryptography
import FoundationEssentials
import Logging
import OpenIDConnect
import Protobuf
import ServiceRuntime

/// The providers of `OIDC_PROVIDERS`: `LogInProviders` by OpenID Connect.
struct OpenIDProviders: LogInProviders {
  private let providers: [IdentityProvider]
  /// The portal's address without a slash at the end.
  private let portal: String
  private let logger: Logger

  init(
    _ settings: [IdentityProviderSettings], fetch: HTTPSFetch, portal: String, logger: Logger,
    clock: @escaping @Sendable () -> Date = { Date() }
  ) {
    providers = settings.map { IdentityProvider($0, fetch: fetch, clock: clock) }
    self.portal = portal
    self.logger = logger
  }

  var all: [LogInProvider] {
    providers.map {
      LogInProvider(id: $0.settings.id, name: $0.settings.name, issuer: $0.settings.issuer)
    }
  }

  func authorizationURL(
    of provider: String, _ secrets: FlowSecrets
  ) async throws(AuthError) -> String {
    let found = try find(provider)
    do throws(OpenIDError) {
      return try await found.authorizationURL(
        AuthorizationSecrets(secrets), redirectURI: redirectURI(of: provider))
    } catch {
      throw failure(error, of: provider)
    }
  }

  func identity(
    of provider: String, code: String, issuer: String?, _ secrets: FlowSecrets
  ) async throws(AuthError) -> ProvedIdentity {
    let found = try find(provider)
    let claims: IdentityClaims
    do throws(OpenIDError) {
      claims = try await found.identity(
        code: code, issuer: issuer, AuthorizationSecrets(secrets),
        redirectURI: redirectURI(of: provider))
    } catch {
      throw failure(error, of: provider)
    }
    return ProvedIdentity(
      issuer: claims.issuer, subject: claims.subject,
      verifiedEmail: claims.isEmailVerified ? claims.email : nil, name: claims.name ?? "")
  }

  private func find(_ id: String) throws(AuthError) -> IdentityProvider {
    guard let found = providers.first(where: { $0.settings.id.utf8.elementsEqual(id.utf8) }) else {
      throw .notFound
    }
    return found
  }

  /// One for each provider, so that an answer can't come from another (RFC 9700, 4.4.2).
  private func redirectURI(of provider: String) -> String { "\(portal)/log-in/from/\(provider)" }

  private func failure(_ error: OpenIDError, of provider: String) -> AuthError {
    logger.warning(
      "a log-in provider's answer can't be used",
      metadata: ["provider": "\(provider)", "error": "\(error)"])
    return .providerFailed
  }
}

extension AuthorizationSecrets {
  init(_ secrets: FlowSecrets) {
    self.init(state: secrets.state, nonce: secrets.nonce, verifier: secrets.verifier)
  }
}

/// What the operator says of providers.
struct OpenIDConfiguration: Sendable {
  /// Providers of one portal: each has a button.
  static let providersMax = 16
  private static let idBytesMax = 32
  private static let nameCharactersMax = 50
  private static let members: Set<String> = [
    "id", "name", "issuer", "clientId", "clientSecret", "scope",
  ]

  let providers: [IdentityProviderSettings]
  let authorityFile: String?

  init(from reader: inout ConfigurationReader, portal: String) {
    let text = reader.optionalSecret(
      "OIDC_PROVIDERS",
      doc: "Log-in by OpenID Connect: a JSON list of {\"id\", \"name\", \"issuer\", \"clientId\", "
        + "\"clientSecret\", \"scope\"}; the last two may be missing. Each provider must know "
        + "PUBLIC_URL/log-in/from/ID as a redirect address.")
    authorityFile = reader.optionalString(
      "OIDC_CA_FILE",
      doc: "A PEM file of the authorities that may vouch for these providers; the system's without."
    )
    var found: [IdentityProviderSettings] = []
    if let text {
      do throws(Problem) {
        found = try Self.parse(text)
      } catch {
        reader.refuse("OIDC_PROVIDERS", error.reason)
      }
      if portal.isEmpty { reader.refuse("PUBLIC_URL", "is not set, and log-in providers need it") }
    }
    providers = found
  }

  /// What is wrong; never repeats a value, for there are secrets.
  struct Problem: Error { let reason: String }

  static func parse(_ text: SecretBytes) throws(Problem) -> [IdentityProviderSettings] {
    let bytes = text.withUnsafeBytes { Array($0) }
    guard case .array(let elements)? = try? JSONParser.parse(bytes),
      (1...providersMax).contains(elements.count)
    else { throw Problem(reason: "must be a JSON list of 1 to \(providersMax) providers") }
    var settings: [IdentityProviderSettings] = []
    for (index, element) in elements.enumerated() {
      settings.append(try provider(element, "[\(index)]"))
    }
    guard Set(settings.map(\.id)).count == settings.count,
      Set(settings.map(\.issuer)).count == settings.count
    else { throw Problem(reason: "has an id or an issuer twice") }
    return settings
  }

  private static func provider(
    _ value: JSONValue, _ place: String
  ) throws(Problem) -> IdentityProviderSettings {
    guard case .object(let found) = value else {
      throw Problem(reason: "\(place) must be an object")
    }
    var texts: [String: String] = [:]
    for member in found {
      guard members.contains(member.name), case .string(let text) = member.value, !text.isEmpty
      else { throw Problem(reason: "\(place) has a member that is unknown, or no text") }
      texts[member.name] = text
    }
    guard let id = texts["id"], id.utf8.count <= idBytesMax,
      id.utf8.allSatisfy({ $0.isLowerLetter || $0.isDigit || $0 == UInt8(ascii: "-") })
    else { throw Problem(reason: "\(place).id must have 1 to \(idBytesMax) of a-z, 0-9 and -") }
    guard let name = texts["name"], name.unicodeScalars.count <= nameCharactersMax else {
      throw Problem(reason: "\(place).name must have 1 to \(nameCharactersMax) characters")
    }
    guard let issuer = texts["issuer"], IdentityProvider.host(ofHTTPS: issuer) != nil else {
      throw Problem(reason: "\(place).issuer must be an https address")
    }
    guard let clientID = texts["clientId"] else {
      throw Problem(reason: "\(place).clientId is missing")
    }
    let scope = texts["scope"] ?? "openid email profile"
    guard
      scope.utf8.split(separator: UInt8(ascii: " ")).contains(where: {
        $0.elementsEqual("openid".utf8)
      })
    else { throw Problem(reason: "\(place).scope must contain openid") }
    return IdentityProviderSettings(
      id: id, name: name, issuer: issuer, clientID: clientID,
      clientSecret: SecretBytes(utf8: texts["clientSecret"] ?? ""), scope: scope)
  }
}

extension UInt8 {
  fileprivate var isLowerLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) }
  fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}
