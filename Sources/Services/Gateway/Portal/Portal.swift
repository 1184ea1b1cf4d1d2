package import Backend
import Cryptography
package import Edge
import HTTPTypes
import HummingbirdCore
package import Providers
import RPC
import ServiceAPI

/// What every page needs: who is there, the services, and the way to draw.
package struct Portal: Sendable {
  /// Refuses a base URL that the proxy would never connect to, while its owner is looking.
  package typealias EndpointCheck = @Sendable (_ baseURL: String) throws(Problem) -> Void

  let services: Services
  let authenticator: Authenticator
  let renderer: PageRenderer
  let checkEndpoint: EndpointCheck
  let catalogue: ProviderCatalogue
  /// `scheme://host[:port]` for the snippets.
  let publicOrigin: String

  package init(
    services: Services, authenticator: Authenticator, renderer: PageRenderer,
    catalogue: ProviderCatalogue, publicOrigin: String, checkEndpoint: @escaping EndpointCheck
  ) {
    self.services = services
    self.authenticator = authenticator
    self.renderer = renderer
    self.catalogue = catalogue
    self.publicOrigin = publicOrigin
    self.checkEndpoint = checkEndpoint
  }

  /// Every page, and the files that pages refer to.
  package func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    try renderer.assets.routes() + AccountPages(portal: self).routes()
      + ProviderPages(portal: self).routes() + AccessTokenPages(portal: self).routes()
      + AuditPage(portal: self).routes()
  }

  var cookies: PortalCookies { authenticator.cookies }
  var sessionEnd: SessionEnd { SessionEnd(services: services, authenticator: authenticator) }

  // MARK: Who is there

  /// Runs `answer` for a logged-in user; sends anyone else to the log-in page.
  func forVisitor(
    _ exchange: Exchange, _ answer: (Visitor) async throws -> Response
  ) async throws -> Response {
    guard let visitor = try await authenticator.pageVisitor(of: exchange) else {
      return redirect(to: "/log-in")
    }
    return try await answer(visitor)
  }

  /// Runs `answer` for a logged-in user's form that comes from our own page.
  func forVisitorsForm(
    _ exchange: Exchange, _ answer: (Visitor, FormData) async throws -> Response
  ) async throws -> Response {
    try await authenticator.refusingForgery(exchange) { () throws(Problem) in
      try authenticator.provenance.check(exchange.head)
    }
    let form = try await FormData.read(exchange)
    return try await forVisitor(exchange) { visitor in
      try await authenticator.refusingForgery(exchange) { () throws(Problem) in
        guard case .session(let session) = visitor.credential,
          CSRFToken.isValid(form["csrf"], forSession: session)
        else { throw Self.staleForm }
      }
      return try await answer(visitor, form)
    }
  }

  /// The form of someone without a session, which must come from our own page too. One that isn't
  /// current must not be acted on: most often its page was open for longer than its cookie lives,
  /// or another tab has logged in.
  func strangersForm(
    _ exchange: Exchange
  ) async throws -> (form: FormData, isCurrent: Bool) {
    try authenticator.provenance.check(exchange.head)
    let form = try await FormData.read(exchange)
    return (form, FormToken.isValid(form["csrf"], exchange.headers, cookies: cookies))
  }

  private static let staleForm = Problem(
    .forbidden, "the form is too old or did not come from this site: go back, reload, try again")

  // MARK: Answers

  /// A page for a logged-in user.
  func page(
    _ exchange: Exchange, _ visitor: Visitor, _ template: String, title: String, section: String,
    _ content: [String: Any], status: HTTPResponse.Status = .ok
  ) -> Response {
    let notice = takenNotice(exchange)
    var response = renderer.page(
      template, content.compactMapValues(TemplateValue.present),
      in: PageRenderer.Frame(
        title: title, section: section, email: visitor.account.email,
        formToken: visitor.csrfToken ?? "", notice: notice), status: status)
    if notice != nil { response.headers.append(cookie: cookies.notice.clearing()) }
    return response
  }

  /// A page for anyone; gives the browser a form token if it has none.
  func strangersPage(
    _ exchange: Exchange, _ template: String, title: String, _ content: [String: Any] = [:],
    status: HTTPResponse.Status = .ok
  ) throws -> Response {
    let notice = takenNotice(exchange)
    let (token, isNew) = try FormToken.current(exchange.headers, cookies: cookies)
    var response = renderer.page(
      template, content.compactMapValues(TemplateValue.present),
      in: PageRenderer.Frame(title: title, formToken: token, notice: notice), status: status)
    if isNew {
      response.headers.append(
        cookie: cookies.form.setting(token, maxAgeSeconds: PortalCookies.formCookieSeconds))
    }
    if notice != nil { response.headers.append(cookie: cookies.notice.clearing()) }
    return response
  }

  /// Sends the browser on with GET, so that a reload repeats nothing (RFC 9110, 15.4.4).
  func redirect(to path: String, notice: Notice? = nil) -> Response {
    var response = Response(status: .seeOther, headers: [.location: path])
    if let notice {
      response.headers.append(
        cookie: cookies.notice.setting(
          notice.rawValue, maxAgeSeconds: PortalCookies.noticeCookieSeconds))
    }
    return response
  }

  private func takenNotice(_ exchange: Exchange) -> Notice? {
    cookies.notice.value(in: exchange.headers).flatMap(Notice.init(rawValue:))
  }
}

/// What the page after a redirect says about what was done. Only its name travels, in a cookie, so
/// that nobody can put words into the portal's mouth.
enum Notice: String, Sendable, CaseIterable {
  case accountCreated = "account-created"
  case loggedOut = "logged-out"
  case keyStored = "key-stored"
  case keyChanged = "key-changed"
  case keyEnabled = "key-enabled"
  case keyDisabled = "key-disabled"
  case keyDeleted = "key-deleted"
  case tokenRevoked = "token-revoked"

  var text: String {
    switch self {
    case .accountCreated: "Your account is ready. You can log in now."
    case .loggedOut: "You are logged out."
    case .keyStored: "The key is stored."
    case .keyChanged: "The changes are saved."
    case .keyEnabled: "The key can be used again."
    case .keyDisabled: "The key is disabled: it is kept, and its use is refused."
    case .keyDeleted: "The key is deleted."
    case .tokenRevoked: "The token is revoked."
    }
  }
}
