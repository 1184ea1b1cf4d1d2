import Cryptography
import Encodings
package import FoundationEssentials
package import Identity

/// A provider of log-in by OpenID Connect that the operator has set up.
package struct LogInProvider: Sendable, Hashable {
  /// Stands in addresses.
  package let id: String
  /// What people call it.
  package let name: String
  package let issuer: String

  package init(id: String, name: String, issuer: String) {
    self.id = id
    self.name = name
    self.issuer = issuer
  }
}

/// Who a provider has said that somebody is.
package struct ProvedIdentity: Sendable, Hashable {
  package let issuer: String
  package let subject: String
  /// Nil unless the provider has seen that mail to it reaches the person.
  package let verifiedEmail: String?
  package let name: String

  package init(issuer: String, subject: String, verifiedEmail: String?, name: String) {
    self.issuer = issuer
    self.subject = subject
    self.verifiedEmail = verifiedEmail
    self.name = name
  }
}

/// An identity at a provider that lets into an account.
package struct LinkedIdentity: Sendable, Hashable {
  /// Identities of one account.
  package static let perAccountMax = 10

  package let id: UUID
  package let accountID: UserID
  package let issuer: String
  package let subject: String
  /// As the provider said when it was connected: for people to recognise it, empty if it didn't.
  package let email: String
  package let createTime: Date
  package let lastUseTime: Date?

  package init(
    id: UUID, accountID: UserID, issuer: String, subject: String, email: String, createTime: Date,
    lastUseTime: Date? = nil
  ) {
    self.id = id
    self.accountID = accountID
    self.issuer = issuer
    self.subject = subject
    self.email = email
    self.createTime = createTime
    self.lastUseTime = lastUseTime
  }
}

/// The secrets of one way to a provider and back.
package struct FlowSecrets: Sendable, Hashable {
  package let state: String
  package let nonce: String
  package let verifier: String
}

/// The way to the providers.
package protocol LogInProviders: Sendable {
  var all: [LogInProvider] { get }

  /// Where the browser goes; throws `.notFound` without such a provider, `.providerFailed` when it
  /// can't be asked.
  func authorizationURL(
    of provider: String, _ secrets: FlowSecrets
  ) async throws(AuthError) -> String

  /// Who has logged in there; throws `.providerFailed` for everything that can't be believed.
  func identity(
    of provider: String, code: String, issuer: String?, _ secrets: FlowSecrets
  ) async throws(AuthError) -> ProvedIdentity
}

/// Where identities are kept. All methods throw `.storage` or `.storageUnavailable` when the
/// database fails.
package protocol IdentityStore: Sendable {
  /// Newest first.
  func identities(of account: UserID) async throws(AuthError) -> [LinkedIdentity]
  func identity(issuer: String, subject: String) async throws(AuthError) -> LinkedIdentity?

  /// Uses a way back up and notes the log-in; throws `.flowOver` when it was used before.
  func use(
    _ identity: UUID, flowHash: [UInt8], flowEnd: Date, at now: Date
  ) async throws(AuthError)
}

/// What the browser keeps while its person is at the provider: sealed, so that nothing is stored
/// for whoever never comes back, and so that a page elsewhere can't make one up.
package struct FederationFlow: Sendable, Hashable {
  /// What the way is for.
  package enum Purpose: Sendable, Hashable {
    case logIn
    /// To connect the identity with the account of this session.
    case link(session: UUID)
  }

  /// How long a person may take at the provider.
  package static let lifetime: Duration = .seconds(600)
  private static let domain = Array("chatelaine log-in flow v1".utf8) + [0]
  private static let textBytesMax = 1_024
  private static let randomBytes = 32
  private static let fieldCount = 6
  private static let logInText = "log-in"

  let provider: String
  let purpose: Purpose
  let secrets: FlowSecrets
  let expireTime: Date

  /// Names the way in the list of those that were used.
  var hash: [UInt8] { SHA256Digest.hash(Self.domain + Array(secrets.state.utf8)) }

  init(provider: String, _ purpose: Purpose, at now: Date) throws(AuthError) {
    func random() throws(AuthError) -> String {
      do {
        return Base64.url.encode(try SecureRandom.bytes(Self.randomBytes))
      } catch {
        throw .engine(detail: "log-in flow: \(error)")
      }
    }
    self.provider = provider
    self.purpose = purpose
    secrets = FlowSecrets(state: try random(), nonce: try random(), verifier: try random())
    expireTime = now.advanced(by: Self.lifetime.timeInterval)
  }

  func sealed(_ key: SecretBytes) throws(AuthError) -> String {
    let session = if case .link(let session) = purpose { session.text } else { Self.logInText }
    let seconds = Int64(exactly: expireTime.timeIntervalSince1970.rounded(.down)) ?? 0
    let text = [
      provider, session, secrets.state, secrets.nonce, secrets.verifier, "\(seconds)",
    ].joined(separator: "\n")
    do {
      let box = try AES256GCM.seal(
        SecretBytes(utf8: text), key: key, associatedData: Self.domain)
      return Base64.url.encode(box.combined)
    } catch {
      throw .engine(detail: "log-in flow: \(error)")
    }
  }

  /// Opens what a browser brings back; throws `.flowOver` for what is not ours, over, of another
  /// provider or purpose, or doesn't fit `state`.
  init(
    _ text: String, provider: String, _ purpose: Purpose, state: String, key: SecretBytes,
    at now: Date
  ) throws(AuthError) {
    guard text.utf8.count <= Self.textBytesMax, let bytes = Base64.url.decode(text),
      let box = try? SealedBox(combined: bytes),
      let opened = try? AES256GCM.open(box, key: key, associatedData: Self.domain)
    else { throw .flowOver }
    let fields = opened.withUTF8String { $0 }.utf8
      .split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .map { String(Substring($0)) }
    guard fields.count == Self.fieldCount, let seconds = Int64(fields[5]) else { throw .flowOver }
    let session = if case .link(let session) = purpose { session.text } else { Self.logInText }
    let end = Date(timeIntervalSince1970: TimeInterval(seconds))
    guard fields[0].utf8.elementsEqual(provider.utf8), fields[1].utf8.elementsEqual(session.utf8),
      ConstantTime.equals(Array(fields[2].utf8), Array(state.utf8)), now < end
    else { throw .flowOver }
    expireTime = end
    self.provider = provider
    self.purpose = purpose
    secrets = FlowSecrets(state: fields[2], nonce: fields[3], verifier: fields[4])
  }
}

/// An identity that is about to let into an account, and the way back that is used up by it.
package struct NewIdentity: Sendable {
  package let identity: LinkedIdentity
  package let flowHash: [UInt8]
  package let flowEnd: Date
}

/// Log-in by OpenID Connect, as the services of accounts need it.
package struct Federation: Sendable {
  let providers: any LogInProviders
  let store: any IdentityStore
  let key: SecretBytes

  /// - Parameter keys: the same in every process of the service.
  package init(providers: any LogInProviders, store: any IdentityStore, keys: AccountKeys) {
    self.providers = providers
    self.store = store
    key = keys.flows
  }

  /// The way to a provider: its address, and what the browser keeps meanwhile.
  func begin(
    _ provider: String, _ purpose: FederationFlow.Purpose, at now: Date
  ) async throws(AuthError) -> BegunFederation {
    let flow = try FederationFlow(provider: provider, purpose, at: now)
    return BegunFederation(
      url: try await providers.authorizationURL(of: provider, flow.secrets),
      flow: try flow.sealed(key))
  }

  /// Who has come back, and by which way.
  func complete(
    _ answer: FederationAnswer, _ purpose: FederationFlow.Purpose, at now: Date
  ) async throws(AuthError) -> (identity: ProvedIdentity, flow: FederationFlow) {
    let flow = try FederationFlow(
      answer.flow, provider: answer.provider, purpose, state: answer.state, key: key, at: now)
    let identity = try await providers.identity(
      of: answer.provider, code: answer.code,
      issuer: answer.issuer.isEmpty ? nil : answer.issuer, flow.secrets)
    return (identity, flow)
  }

  func new(
    _ identity: ProvedIdentity, of account: UserID, by flow: FederationFlow, at now: Date
  ) -> NewIdentity {
    NewIdentity(
      identity: LinkedIdentity(
        id: SecureRandom.uuid(), accountID: account, issuer: identity.issuer,
        subject: identity.subject, email: identity.verifiedEmail ?? "", createTime: now),
      flowHash: flow.hash, flowEnd: flow.expireTime)
  }
}

/// The way to a provider.
package struct BegunFederation: Sendable {
  /// Where the browser goes.
  package let url: String
  /// For a cookie of that browser; secret.
  package let flow: String
}

/// What a browser brings back from a provider.
package struct FederationAnswer: Sendable {
  package let provider: String
  package let code: String
  package let state: String
  /// Empty when the answer doesn't say.
  package let issuer: String
  package let flow: String

  package init(provider: String, code: String, state: String, issuer: String, flow: String) {
    self.provider = provider
    self.code = code
    self.state = state
    self.issuer = issuer
    self.flow = flow
  }
}
