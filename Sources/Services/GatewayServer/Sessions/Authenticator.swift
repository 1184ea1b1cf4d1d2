import Callers
import Cryptography
import HTTPTypes
import RPC
import ServiceAPI

/// Exchanges what a request brings for a signed assertion, anew for each request: a session that
/// was ended is refused at once.
struct Authenticator: Sendable {
  let auth: AuthAPI.AuthClient
  let cookies: PortalCookies
  let provenance: RequestProvenance

  /// The user of an API request; a state change by cookie needs the CSRF token too.
  func visitor(of exchange: Exchange) async throws -> Visitor {
    guard let credential = Credential.of(exchange.headers, cookies: cookies) else {
      throw Problem.unauthenticated("log in or send an access token as Authorization: Bearer")
    }
    if case .session(let token) = credential, !exchange.method.isSafe {
      try provenance.check(exchange.head)
      guard CSRFToken.isValid(exchange.headers[.csrfToken, default: ""], forSession: token) else {
        throw Problem(.forbidden, "the header X-CSRF-Token is missing or wrong")
      }
    }
    return try await exchangeForAssertion(credential, exchange)
  }

  /// The user of a page; nil when there is no session or it has ended.
  func pageVisitor(of exchange: Exchange) async throws -> Visitor? {
    guard let credential = Credential.session(exchange.headers, cookies: cookies) else {
      return nil
    }
    do {
      return try await exchangeForAssertion(credential, exchange)
    } catch let error as RPCError where error.code == .unauthenticated {
      return nil
    }
  }

  /// The user of an access token.
  func bearer(_ token: SecretBytes, _ exchange: Exchange) async throws -> Visitor {
    try await exchangeForAssertion(.accessToken(token), exchange)
  }

  private func exchangeForAssertion(
    _ credential: Credential, _ exchange: Exchange
  ) async throws -> Visitor {
    let request =
      switch credential {
      case .session(let token):
        token.withUTF8String { AuthAPI.AuthenticateRequest(credential: .sessionToken($0)) }
      case .accessToken(let token):
        token.withUTF8String { AuthAPI.AuthenticateRequest(credential: .accessToken($0)) }
      }
    let answer = try await auth.authenticate(
      request, options: .acting(with: nil, origin: exchange.origin))
    return Visitor(
      credential: credential, assertion: answer.assertion,
      account: answer.account ?? AuthAPI.Account())
  }
}

extension HTTPRequest.Method {
  /// GET and HEAD change nothing (RFC 9110, 9.2.1).
  var isSafe: Bool { self == .get || self == .head }
}
