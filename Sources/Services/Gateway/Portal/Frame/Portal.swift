package import Backend
import Cryptography
package import Edge
import HTTPTypes
package import KeyTesting
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
  let zones = ZoneDatabase.system
  let look: StatusPage.Look
  /// Asks providers about keys.
  let tester: KeyTester
  let onceForms = OnceForms()
  let keptFiles = KeptFiles()

  /// - Parameter look: Asks each service what keeps it from its work.
  package init(
    services: Services, authenticator: Authenticator, renderer: PageRenderer,
    catalogue: ProviderCatalogue, publicOrigin: String, checkEndpoint: @escaping EndpointCheck,
    look: @escaping StatusPage.Look, tester: KeyTester
  ) {
    self.services = services
    self.authenticator = authenticator
    self.renderer = renderer
    self.catalogue = catalogue
    self.publicOrigin = publicOrigin
    self.checkEndpoint = checkEndpoint
    self.look = look
    self.tester = tester
  }

  /// Every page, and the files that pages refer to.
  package func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    var routes = try renderer.assets.routes() + AccountPages(portal: self).routes()
    routes += try KeyListPage(portal: self).routes() + KeyPage(portal: self).routes()
    routes += try ImportPage(portal: self).routes() + FormerKeyPages(portal: self).routes()
    routes += try KeyReplacePage(portal: self).routes()
    routes += try NewKeyPage(portal: self).routes() + AccessTokenPages(portal: self).routes()
    routes += try AuditPage(portal: self).routes() + SettingsPage(portal: self).routes()
    routes += try OverviewPage(portal: self).routes() + ConnectPage(portal: self).routes()
    routes += try HelpPages(portal: self).routes() + UsagePage(portal: self).routes()
    routes += try OldAddresses(portal: self).routes() + StatusPage(portal: self).routes()
    routes += try LinkPages(portal: self).routes() + SecurityPages(portal: self).routes()
    routes += try DeletionPages(portal: self).routes()
    routes += try SecondFactorPages(portal: self).routes() + PasskeyPages(portal: self).routes()
    routes += try IdentityPages(portal: self).routes()
    routes += try UserPages(portal: self).routes()
    routes += try WholeLogPage(portal: self).routes()
    #if DEBUG
      routes += try ComponentsPage(portal: self).routes()
    #endif
    return routes
  }

  var cookies: PortalCookies { authenticator.cookies }
  var sessionEnd: SessionEnd { SessionEnd(services: services, authenticator: authenticator) }

  // MARK: Who is there

  /// Runs `answer` for a logged-in user; sends anyone else to the log-in page, which leads back.
  ///
  /// What goes wrong in it is shown in that user's frame.
  func forVisitor(
    _ exchange: Exchange, _ answer: (Visitor) async throws -> Response
  ) async throws -> Response {
    guard let visitor = try await authenticator.pageVisitor(of: exchange) else {
      return toLogIn(exchange, back: ReturnAddress(exchange.target.text))
    }
    return try await framing(visitor, exchange) { try await answer(visitor) }
  }

  /// Runs `answer` for a logged-in user's form that comes from our own page.
  ///
  /// - Parameters:
  ///   - page: Where the form is: there a person goes on whose session has ended meanwhile, and
  ///     there leads the way back from an error.
  ///   - kept: The fields that page takes from its query, for such a person and for one who is
  ///     asked for the password; never a secret.
  ///   - answer: Leads on with `redirect`, or shows the form with its mistakes. Of a form that is
  ///     sent twice it runs once. When a service wants the password once more, the person is asked
  ///     for it, and comes back to `page`.
  func forVisitorsForm(
    _ exchange: Exchange, page: String? = nil, keeping kept: [String] = [],
    _ answer: @escaping @Sendable (Visitor, FormData) async throws -> Response
  ) async throws -> Response {
    try await authenticator.refusingForgery(exchange) { () throws(Problem) in
      try authenticator.provenance.check(exchange.head)
    }
    let form = try await FormData.read(exchange)
    let filled = page.flatMap { page in
      ReturnAddress(page: page, fields: kept.map { (name: $0, value: form[$0]) })
    }
    guard let visitor = try await authenticator.pageVisitor(of: exchange) else {
      return toLogIn(exchange, back: filled)
    }
    return try await framing(visitor, exchange, page: page) {
      try await authenticator.refusingForgery(exchange) { () throws(Problem) in
        guard case .session(let session) = visitor.credential,
          CSRFToken.isValid(form["csrf"], forSession: session)
        else { throw Self.staleForm }
      }
      do {
        return try await onceForms.run(form, to: exchange, of: visitor.account.id) {
          try await answer(visitor, form)
        }
      } catch let error as RPCError where error.needsConfirmation && page != nil {
        return askForPassword(backTo: filled?.text ?? ReturnAddress.home)
      }
    }
  }

  private func framing(
    _ visitor: Visitor, _ exchange: Exchange, page: String? = nil,
    _ answer: () async throws -> Response
  ) async throws -> Response {
    do {
      return try await TimeZoneRules.$shown.withValue(preferences(exchange).zone) {
        try await answer()
      }
    } catch {
      throw FramedProblem(problem: Problem(catching: error), visitor: visitor, page: page)
    }
  }

  private func toLogIn(_ exchange: Exchange, back: ReturnAddress?) -> Response {
    let hadSession = cookies.session.value(in: exchange.headers) != nil
    let logIn = back?.logIn ?? "/log-in"
    // Who opens the portal's first page is not told to do what they came for.
    guard hadSession || logIn != "/log-in" else { return redirect(to: logIn) }
    return redirect(to: logIn, notice: Notice(hadSession ? .sessionEnded : .logInFirst))
  }

  /// Runs `answer` for the form of someone without a session, which must come from our own page.
  ///
  /// One that isn't current must not be acted on: most often its page was open for longer than its
  /// cookie lives, or another tab has logged in.
  func forStrangersForm(
    _ exchange: Exchange,
    _ answer: @escaping @Sendable (_ form: FormData, _ isCurrent: Bool) async throws -> Response
  ) async throws -> Response {
    try authenticator.provenance.check(exchange.head)
    let form = try await FormData.read(exchange)
    guard FormToken.isValid(form["csrf"], exchange.headers, cookies: cookies) else {
      return try await answer(form, false)
    }
    let browser = cookies.form.value(in: exchange.headers) ?? ""
    return try await onceForms.run(form, to: exchange, of: browser) {
      try await answer(form, true)
    }
  }

  static let staleForm = Problem(
    .forbidden, "it was open for too long, or somebody else has logged in meanwhile")

  // MARK: Answers

  func preferences(_ exchange: Exchange) -> Preferences {
    Preferences(exchange.headers, cookies: cookies, zones: zones)
  }

  /// A page for a logged-in user.
  ///
  /// - Parameters:
  ///   - nameOf: What the page calls the thing with an id, for the notice about it.
  ///   - counts: How many things of a section need attention, by its path.
  ///   - isSecret: The page holds a secret: it is not compressed, for its size would tell of it.
  func page(
    _ exchange: Exchange, _ visitor: Visitor, _ template: String, title: String, section: String,
    _ content: [String: Any], status: HTTPResponse.Status = .ok,
    modules: [StaticAssets.Module] = [], isSecret: Bool = false, counts: [String: Int] = [:],
    nameOf: (String) -> String? = { _ in nil }
  ) -> Response {
    var frame = Frame(title: title, section: section)
    frame.audience = .of(visitor)
    // Without random bytes there is no mask, and without a token no form: nothing is given away.
    frame.formToken = visitor.csrfToken.flatMap { try? TokenMask.masked($0) } ?? ""
    frame.modules = modules
    frame.counts = counts
    return drawn(template, content, in: frame, exchange, status, isSecret: isSecret, nameOf)
  }

  /// A page for anyone; gives the browser a form token if it has none.
  func strangersPage(
    _ exchange: Exchange, _ template: String, title: String, _ content: [String: Any] = [:],
    status: HTTPResponse.Status = .ok, modules: [StaticAssets.Module] = []
  ) throws -> Response {
    let (token, isNew) = try FormToken.current(exchange.headers, cookies: cookies)
    var frame = Frame(title: title)
    frame.formToken = try TokenMask.masked(token)
    frame.modules = modules
    var response = drawn(template, content, in: frame, exchange, status)
    if isNew {
      response.headers.append(
        cookie: cookies.form.setting(token, maxAgeSeconds: PortalCookies.formCookieSeconds))
    }
    return response
  }

  /// A page for whoever is there, which changes nothing.
  func anyonesPage(
    _ exchange: Exchange, _ template: String, title: String, _ content: [String: Any],
    section: String = ""
  ) async throws -> Response {
    // What it says is the same when nobody can tell who asks.
    guard let visitor = try? await authenticator.pageVisitor(of: exchange) else {
      return try strangersPage(exchange, template, title: title, content)
    }
    return page(exchange, visitor, template, title: title, section: section, content)
  }

  private func drawn(
    _ template: String, _ content: [String: Any], in frame: Frame, _ exchange: Exchange,
    _ status: HTTPResponse.Status, isSecret: Bool = false,
    _ nameOf: (String) -> String? = { _ in nil }
  ) -> Response {
    var (frame, content) = (frame, content)
    frame.preferences = preferences(exchange)
    frame.mayCompress = !isSecret && ContentCoding.acceptsGzip(exchange.headers)
    let notice = cookies.notice.value(in: exchange.headers).flatMap(Notice.init(text:))
    content["notice"] = notice.map { $0.view(name: $0.subject.flatMap(nameOf)) }
    var response = renderer.page(template, content, in: frame, status: status)
    if notice != nil { response.headers.append(cookie: cookies.notice.clearing()) }
    return response
  }

  /// Sends the browser on with GET, so that a reload repeats nothing (RFC 9110, 15.4.4).
  func redirect(to path: String, notice: Notice? = nil) -> Response {
    var response = Response(status: .seeOther, headers: [.location: path])
    if let notice {
      response.headers.append(
        cookie: cookies.notice.setting(
          notice.text, maxAgeSeconds: PortalCookies.noticeCookieSeconds))
    }
    return response
  }
}
