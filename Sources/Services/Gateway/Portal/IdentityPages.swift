import Backend
import Callers
import Edge
import HTTPTypes
import Protobuf
import RPC
import ServiceAPI

/// The way to log-in providers and back, and the identities there that let into an account.
///
/// The way begins with a link: browsers don't let a form of ours end at another site.
struct IdentityPages: Sendable {
  /// A provider, as the templates draw it.
  struct Provider: Sendable {
    let name: String
    let logIn: String
    let connect: String

    init(_ provider: AuthAPI.LogInProvider) {
      name = provider.name
      logIn = "/log-in/with/\(provider.id)"
      connect = "/settings/identities/with/\(provider.id)"
    }
  }

  struct Row: Sendable {
    let id: String
    let provider: String
    /// Nil when the provider told none.
    let address: String?
    let created: Moment?

    init(_ identity: AuthAPI.LinkedIdentity) {
      id = identity.id
      provider = identity.provider
      address = identity.email.isEmpty ? nil : identity.email
      created = identity.createTime.map { Moment($0) }
    }
  }

  /// What the cookie of a way says that it is for; that it is true, its seal says.
  private enum Purpose: String {
    case logIn = "log-in"
    case link
  }

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/log-in/with/{provider}", .page) { try await toLogIn($0) },
      try Edge.Route(["GET"], "/settings/identities/with/{provider}", .page) {
        try await toLink($0)
      },
      try Edge.Route(["GET"], "/log-in/from/{provider}", .page) { try await back($0) },
      try Edge.Route(["POST"], "/settings/identities/{id}/remove", .page) { exchange in
        try await portal.confirmed(exchange, page: SecurityPages.page) { visitor, _ in
          _ = try await portal.services.auth.deleteIdentity(
            AuthAPI.DeleteIdentityRequest(id: exchange.variable("id")),
            options: visitor.options(for: exchange))
          return try await portal.rotating(visitor, exchange) { _ in
            portal.redirect(to: SecurityPages.page, notice: Notice(.identityRemoved))
          }
        }
      },
    ]
  }

  /// None when nobody can tell: log-in by password goes on.
  static func providers(_ portal: Portal, _ exchange: Exchange) async -> [Provider] {
    let answer = try? await portal.services.auth.listLogInProviders(
      AuthAPI.ListLogInProvidersRequest(), options: exchange.strangersOptions)
    return answer?.providers.map { Provider($0) } ?? []
  }

  static func rows(
    _ portal: Portal, _ exchange: Exchange, _ visitor: Visitor
  ) async -> [Row] {
    let answer = try? await portal.services.auth.listIdentities(
      AuthAPI.ListIdentitiesRequest(), options: visitor.options(for: exchange))
    return answer?.identities.map { Row($0) } ?? []
  }

  // MARK: There

  private func toLogIn(_ exchange: Exchange) async throws -> Response {
    try portal.authenticator.provenance.check(exchange.head)
    do {
      let begun = try await portal.services.auth.beginProviderLogIn(
        AuthAPI.BeginProviderLogInRequest(provider: exchange.variable("provider")),
        options: exchange.strangersOptions)
      return leave(begun, .logIn)
    } catch {
      return portal.redirect(to: "/log-in", notice: Notice(try kind(of: error)))
    }
  }

  private func toLink(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitor(exchange) { visitor in
      try portal.authenticator.provenance.check(exchange.head)
      do {
        let begun = try await portal.services.auth.beginIdentityLink(
          AuthAPI.BeginIdentityLinkRequest(provider: exchange.variable("provider")),
          options: visitor.options(for: exchange))
        return leave(begun, .link)
      } catch let error as RPCError where error.needsConfirmation {
        return portal.askForPassword(backTo: SecurityPages.page)
      } catch let error as RPCError {
        return portal.redirect(to: SecurityPages.page, notice: Notice(try kind(of: error)))
      }
    }
  }

  private func leave(_ begun: AuthAPI.BegunFederation, _ purpose: Purpose) -> Response {
    var response = portal.redirect(to: begun.authorizationUrl)
    response.headers.append(
      cookie: portal.cookies.federation.setting(
        "\(purpose.rawValue).\(begun.flow)",
        maxAgeSeconds: PortalCookies.federationCookieSeconds))
    return response
  }

  // MARK: And back

  private func back(_ exchange: Exchange) async throws -> Response {
    let parts =
      portal.cookies.federation.value(in: exchange.headers)?
      .split(atByte: ".", maxSplits: 1, omittingEmpty: false) ?? []
    var response: Response
    switch parts.first.flatMap({ Purpose(rawValue: String($0)) }) {
    case .logIn: response = try await logIn(exchange, flow: String(parts[1]))
    case .link: response = try await link(exchange, flow: String(parts[1]))
    case nil: response = portal.redirect(to: "/log-in", notice: Notice(.providerWayOver))
    }
    response.headers.append(cookie: portal.cookies.federation.clearing())
    return response
  }

  /// What the provider has put into the address.
  private func answer(
    _ exchange: Exchange, flow: String
  ) throws -> AuthAPI.FederationAnswer {
    let parameters = try exchange.parameters()
    func value(_ name: String) -> String {
      parameters.first { $0.name == name }?.value ?? ""
    }
    return AuthAPI.FederationAnswer(
      provider: exchange.variable("provider"), code: value("code"), state: value("state"),
      iss: value("iss"), flow: flow)
  }

  private func logIn(_ exchange: Exchange, flow: String) async throws -> Response {
    let answer = try answer(exchange, flow: flow)
    guard !answer.code.isEmpty else {
      return portal.redirect(to: "/log-in", notice: Notice(.providerFailed))
    }
    let session: AuthAPI.CreateSessionResponse
    do {
      session = try await portal.services.auth.createProviderSession(
        AuthAPI.CreateProviderSessionRequest(
          answer: answer, deviceToken: portal.cookies.device.value(in: exchange.headers) ?? ""),
        options: exchange.strangersOptions)
    } catch {
      return portal.redirect(to: "/log-in", notice: Notice(try kind(of: error)))
    }
    let pages = AccountPages(portal: portal)
    guard session.secondFactorToken.isEmpty else { return pages.askForCode(session, next: nil) }
    return await pages.enter(exchange, session, nil)
  }

  private func link(_ exchange: Exchange, flow: String) async throws -> Response {
    try await portal.forVisitor(exchange) { visitor in
      do {
        _ = try await portal.services.auth.linkIdentity(
          AuthAPI.LinkIdentityRequest(answer: try answer(exchange, flow: flow)),
          options: visitor.options(for: exchange))
      } catch let error as RPCError {
        return portal.redirect(to: SecurityPages.page, notice: Notice(try kind(of: error)))
      }
      return try await portal.rotating(visitor, exchange) { _ in
        portal.redirect(to: SecurityPages.page, notice: Notice(.identityLinked))
      }
    }
  }

  /// What the next page says of a failure; throws what no sentence is for.
  private func kind(of error: RPCError) throws -> Notice.Kind {
    for detail in error.details {
      guard case .errorInfo(let reason, _) = detail else { continue }
      switch reason {
      case "PROVIDER_FAILED": return .providerFailed
      case "LOG_IN_OVER": return .providerWayOver
      case "IDENTITY_UNLINKED": return .identityUnlinked
      case "IDENTITY_UNVERIFIED": return .identityUnverified
      case "IDENTITY_TAKEN": return .identityTaken
      case "SIGN_UP_CLOSED": return .signUpClosed
      default: break
      }
    }
    throw Problem(error)
  }
}
