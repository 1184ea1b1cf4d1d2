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
  package let cookies: PortalCookies
  package let provenance: RequestProvenance

  package init(services: Services, cookies: PortalCookies, provenance: RequestProvenance) {
    auth = services.auth
    credentials = services.credentials
    self.cookies = cookies
    self.provenance = provenance
  }

  /// The user of an API request; a state change by cookie needs the CSRF token too.
  package func visitor(of exchange: Exchange) async throws -> Visitor {
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
    return try await exchangeForAssertion(credential, exchange)
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
      return try await exchangeForAssertion(credential, exchange)
    } catch let error as RPCError where error.code == .unauthenticated {
      return nil
    }
  }

  private static let otherNetwork = Problem(
    .forbidden,
    "the access token is limited to other networks than the one that this request comes from")

  /// The user of an access token.
  package func bearer(_ token: SecretBytes, _ exchange: Exchange) async throws -> Visitor {
    try await exchangeForAssertion(.accessToken(token), exchange)
  }

  private func exchangeForAssertion(
    _ credential: Credential, _ exchange: Exchange
  ) async throws -> Visitor {
    switch credential {
    case .session(let token):
      let answer = try await auth.authenticate(
        token.withUTF8String { AuthAPI.AuthenticateRequest(credential: .sessionToken($0)) },
        options: exchange.strangersOptions)
      return Visitor(
        credential: credential, assertion: answer.assertion,
        account: answer.account ?? AuthAPI.Account())
    case .accessToken(let token):
      let digest = TokenDigest(bytes: SHA256Digest.hash(token))
      let known = try await credentials.credential(digest) { () async throws(RPCError) in
        try await auth.authenticate(
          token.withUTF8String { AuthAPI.AuthenticateRequest(credential: .accessToken($0)) },
          options: exchange.strangersOptions)
      }
      guard known.limits.allow(address: exchange.origin.ipAddress) else {
        throw Self.otherNetwork
      }
      return Visitor(
        credential: credential, assertion: known.assertion, account: known.account,
        limits: known.limits, name: known.name, mark: known.mark)
    }
  }
}

extension HTTPRequest.Method {
  /// GET and HEAD change nothing (RFC 9110, 9.2.1).
  package var isSafe: Bool { self == .get || self == .head }
}

/// A user who has proved who they are, for the length of one request.
package struct Visitor: Sendable {
  package let credential: Credential
  /// What `auth` signed, for the services to verify.
  package let assertion: [UInt8]
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

  /// Options for calls on the user's behalf.
  package func options(for exchange: Exchange) -> CallOptions {
    .acting(with: assertion, origin: exchange.origin.callOrigin)
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
