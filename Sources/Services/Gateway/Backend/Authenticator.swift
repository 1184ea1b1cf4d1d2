import Callers
package import Cryptography
package import Edge
package import HTTPTypes
package import Identity
import Logging
package import RPC
package import ServiceAPI

/// Exchanges what a request brings for a signed assertion: for a session anew for each request, so
/// that one that was ended is refused at once; for an access token by what `KnownCredentials` know.
package struct Authenticator: Sendable {
  let auth: AuthAPI.AuthClient
  let credentials: KnownCredentials
  private let certificates: @Sendable () -> [[UInt8]]
  package let cookies: PortalCookies
  package let provenance: RequestProvenance

  package init(services: Services, cookies: PortalCookies, provenance: RequestProvenance) {
    auth = services.auth
    credentials = services.credentials
    certificates = services.certificates
    self.cookies = cookies
    self.provenance = provenance
  }

  /// The user of an API request; a state change by cookie needs the CSRF token too.
  ///
  /// - Parameter method: the one that is called for it, where that is known.
  package func visitor(
    of exchange: Exchange, calling method: MethodDescriptor? = nil
  ) async throws -> Visitor {
    guard let credential = Credential.of(exchange.headers, cookies: cookies) else {
      throw Problem.unauthenticated("log in or send an access token as Authorization: Bearer")
    }
    if case .session(let token) = credential, !exchange.method.isSafe {
      try await refusingForgery(exchange) { () throws(Problem) in
        try provenance.check(exchange.head)
        guard CSRFToken.isValid(exchange.headers[.csrfToken, default: ""], forSession: token)
        else { throw Problem(.forbidden, "the header X-CSRF-Token is missing or wrong") }
      }
    }
    let purpose = method.flatMap { method in
      AssertionAudience(serviceName: method.service).map {
        AssertionPurpose($0, MethodClass(methodName: method.method))
      }
    }
    return try await exchanged(credential, exchange, for: purpose.map { [$0] })
  }

  /// Runs a check that a request with a session comes from our own pages. A refusal is recorded in
  /// the log of the account whose session it is, for somebody tried to act in their name.
  package func refusingForgery<Value>(
    _ exchange: Exchange, _ check: () throws(Problem) -> Value
  ) async throws -> Value {
    do throws(Problem) {
      return try check()
    } catch {
      await report(exchange)
      throw error
    }
  }

  /// The refusal stands whether or not it could be recorded.
  private func report(_ exchange: Exchange) async {
    do {
      // A session that is over is nobody's any more.
      guard let visitor = try await pageVisitor(of: exchange) else { return }
      let line = "\(exchange.method.rawValue) \(exchange.target.path)"
      _ = try await auth.reportForgery(
        AuthAPI.ReportForgeryRequest(
          request: String(
            decoding: line.utf8.prefix(Self.requestLineBytesMax), as: UTF8.self)),
        options: visitor.options(for: exchange))
    } catch {
      exchange.logger.error(
        "a forged request could not be recorded", metadata: ["error": "\(error)"])
    }
  }

  /// What `auth` takes of a request's method and path.
  private static let requestLineBytesMax = 512

  /// The user of a page; nil when there is no session or it has ended.
  package func pageVisitor(of exchange: Exchange) async throws -> Visitor? {
    guard let credential = Credential.session(exchange.headers, cookies: cookies) else {
      return nil
    }
    do {
      return try await exchanged(credential, exchange, for: nil)
    } catch let error as RPCError where error.code == .unauthenticated {
      return nil
    }
  }

  private static let otherNetwork = Problem(
    .forbidden,
    "the access token is limited to other networks than the one that this request comes from")

  /// The user of an access token, who wants to use a key.
  package func bearer(_ token: SecretBytes, _ exchange: Exchange) async throws -> Visitor {
    try await exchanged(.accessToken(token), exchange, for: [AssertionPurpose(.vault, .use)])
  }

  /// What a request may need: looking, and for one that may change something the rest as well.
  private static func purposes(of exchange: Exchange) -> [AssertionPurpose] {
    exchange.method.isSafe ? AssertionPurpose.reading : AssertionPurpose.all
  }

  /// Has `auth` sign for whom the request is.
  ///
  /// - Parameter purposes: nil for what the request's method may need.
  private func exchanged(
    _ credential: Credential, _ exchange: Exchange, for purposes: [AssertionPurpose]?
  ) async throws -> Visitor {
    let purposes = purposes ?? Self.purposes(of: exchange)
    let options = exchange.strangersOptions
    func asking(after refusal: @escaping @Sendable () -> Void) -> VisitorCredentials.Ask {
      { [self] purposes async throws(RPCError) in
        refusal()
        return Assertions(try await authenticate(credential, for: purposes, options))
      }
    }
    switch credential {
    case .session:
      let answer = try await authenticate(credential, for: purposes, options)
      return Visitor(
        credential: credential,
        credentials: VisitorCredentials(credential, Assertions(answer), ask: asking {}),
        account: answer.account ?? AuthAPI.Account())
    case .accessToken(let token):
      let digest = TokenDigest(
        bytes: SHA256Digest.hash(token), purposes: purposes, certificates: certificates())
      let known = try await credentials.credential(digest) { () async throws(RPCError) in
        try await authenticate(credential, for: purposes, options)
      }
      guard known.limits.allow(address: exchange.origin.ipAddress) else {
        throw Self.otherNetwork
      }
      // What a service doesn't take, the next request must not bring either.
      let ask = asking { [credentials] in credentials.forget(digest) }
      return Visitor(
        credential: credential,
        credentials: VisitorCredentials(credential, known.assertions, ask: ask),
        account: known.account, limits: known.limits, name: known.name, mark: known.mark)
    }
  }

  private func authenticate(
    _ credential: Credential, for purposes: [AssertionPurpose], _ options: CallOptions
  ) async throws(RPCError) -> AuthAPI.AuthenticateResponse {
    let request = credential.text.withUTF8String { text in
      AuthAPI.AuthenticateRequest(
        credential: credential.isSession ? .sessionToken(text) : .accessToken(text),
        purposes: purposes.map {
          AuthAPI.AssertionPurpose(
            audience: $0.audience.rawValue, methods: $0.methods.rawValue)
        },
        certificates: Array(certificates().prefix(AssertionHolder.certificatesMax)))
    }
    return try await auth.authenticate(request, options: options)
  }
}

extension HTTPRequest.Method {
  /// GET and HEAD change nothing (RFC 9110, 9.2.1).
  package var isSafe: Bool { self == .get || self == .head }
}

/// A user who has proved who they are, for the length of one request.
package struct Visitor: Sendable {
  package let credential: Credential
  /// What proves to the services who they are.
  package let credentials: any CallCredentials
  package let account: AuthAPI.Account
  /// What an access token is limited to; its network was looked at.
  package var limits = AccessLimits.none
  /// Of an access token whose revocation is told.
  var name: CredentialName?
  /// Since when it is to be told, among the revocations that were heard.
  var mark = 0
  var begin = ContinuousClock.now

  /// Whether the assertion has surely not ended. A request whose body took longer asks anew before
  /// it goes on.
  package var isFresh: Bool { begin.duration(to: .now) < KnownCredentials.margin }

  /// For forms and `X-CSRF-Token`; nil without a session.
  package var csrfToken: String? {
    guard case .session(let token) = credential else { return nil }
    return CSRFToken.token(forSession: token)
  }

  /// The same, now that the session goes on under another token.
  package func going(onUnder token: SecretBytes) -> Visitor {
    Visitor(
      credential: .session(token), credentials: credentials, account: account, limits: limits,
      name: name, mark: mark, begin: begin)
  }

  /// Options for calls on the user's behalf.
  package func options(for exchange: Exchange) -> CallOptions {
    .acting(with: credentials, origin: exchange.origin.callOrigin)
  }
}

/// What a request proves its user's identity with.
package enum Credential: Sendable {
  /// Tokens longer than this are not ours.
  package static let bytesMax = 512

  /// The token of the session cookie.
  case session(SecretBytes)
  /// An access token, from a header that no browser sends by itself.
  case accessToken(SecretBytes)

  /// The token itself.
  var text: SecretBytes {
    switch self {
    case .session(let token), .accessToken(let token): token
    }
  }

  var isSession: Bool {
    if case .session = self { true } else { false }
  }

  /// `Authorization: Bearer …` wins over the cookie: a program that sends it means it.
  package static func of(_ headers: HTTPFields, cookies: PortalCookies) -> Credential? {
    if let header = headers[.authorization] {
      guard let token = bearer(header) else { return nil }
      return .accessToken(token)
    }
    return session(headers, cookies: cookies)
  }

  package static func session(_ headers: HTTPFields, cookies: PortalCookies) -> Credential? {
    guard let token = cookies.session.value(in: headers), token.utf8.count <= bytesMax else {
      return nil
    }
    return .session(SecretBytes(utf8: token))
  }

  private static func bearer(_ header: String) -> SecretBytes? {
    let parts = header.split(atByte: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercasedASCII().hasBytes(of: "bearer") else { return nil }
    let token = parts[1].trimmingBlanks()
    guard !token.isEmpty, token.utf8.count <= bytesMax else { return nil }
    return SecretBytes(utf8: token)
  }
}
