import Cryptography
import HTTPTypes
import Testing

@testable import Edge

@Suite struct FormTests {
  @Test func aFormIsDecoded() throws {
    let form = try FormData(Array("a=1&b=x+y&c=%C3%A9%0A&d".utf8))
    #expect(form["a"] == "1")
    #expect(form["b"] == "x y")
    #expect(form["c"] == "\u{e9}\n")
    #expect(form["d"] == "")
    #expect(form["nothing"] == "")
    #expect(try FormData(Array("a=+1+".utf8)).trimmed("a") == "1")
  }

  @Test(arguments: ["a=1&a=2", "a=%zz", "a=%ff", "a=%00", "%=1"])
  func aFormThatNoBrowserSendsIsRefused(body: String) {
    #expect(throws: Problem.self) { try FormData(Array(body.utf8)) }
  }

  /// A separator is one also when a combining mark stands behind it.
  @Test func separatorsAreBytes() throws {
    let form = try FormData(Array("a=1&\u{301}b=\u{301}2".utf8))
    #expect(form["a"] == "1")
    #expect(form["\u{301}b"] == "\u{301}2")
    let cookies = PortalCookies(isSecure: false)
    let headers: HTTPFields = [.cookie: "x=1\u{600};chatelaine-session=t;\u{301}y=2"]
    #expect(cookies.session.value(in: headers) == "t")
  }

  @Test func aFormWithTooManyFieldsIsRefused() {
    let body = (0...FormData.fieldsMax).map { "f\($0)=1" }.joined(separator: "&")
    #expect(throws: Problem.self) { try FormData(Array(body.utf8)) }
  }

  @Test func theTokenOfASessionFitsThatSessionOnly() {
    let session = SecretBytes(utf8: "session-one")
    let token = CSRFToken.token(forSession: session)
    #expect(CSRFToken.isValid(token, forSession: session))
    #expect(!CSRFToken.isValid(token, forSession: SecretBytes(utf8: "session-two")))
    #expect(!CSRFToken.isValid("", forSession: session))
    #expect(!CSRFToken.isValid(String(token.dropLast()), forSession: session))
    #expect(!CSRFToken.isValid(token + "A", forSession: session))
    #expect(!token.contains("session"))
  }

  @Test func aStrangersFormNeedsTheCookieThatGoesWithIt() throws {
    let cookies = PortalCookies(isSecure: true)
    let (token, isNew) = try FormToken.current([:], cookies: cookies)
    #expect(isNew)
    let headers: HTTPFields = [.cookie: "a=b; __Host-chatelaine-form=\(token)"]
    #expect(FormToken.isValid(token, headers, cookies: cookies))
    #expect(!FormToken.isValid("", headers, cookies: cookies))
    #expect(!FormToken.isValid(token, [:], cookies: cookies))
    #expect(!FormToken.isValid("", [.cookie: "__Host-chatelaine-form="], cookies: cookies))
    #expect(!FormToken.isValid("x", [.cookie: "__Host-chatelaine-form=x"], cookies: cookies))
    #expect(try FormToken.current(headers, cookies: cookies).isNew == false)
  }

  @Test func cookiesAreForThisHostOnly() {
    let secure = PortalCookies(isSecure: true).session
    #expect(
      secure.setting("t", maxAgeSeconds: 60)
        == "__Host-chatelaine-session=t; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure")
    let plain = PortalCookies(isSecure: false).session
    #expect(plain.setting("t") == "chatelaine-session=t; Path=/; HttpOnly; SameSite=Lax")
    #expect(plain.value(in: [.cookie: "x=1;chatelaine-session=t; y=2"]) == "t")
    #expect(plain.value(in: [.cookie: "xchatelaine-session=t"]) == nil)
    #expect(secure.value(in: [.cookie: "chatelaine-session=t"]) == nil)
  }

  @Test(arguments: [
    (nil, nil, "portal.example", true),
    ("https://portal.example", nil, "portal.example", true),
    ("https://PORTAL.example", "same-origin", "portal.example", true),
    ("http://localhost:8080", "same-origin", "localhost:8080", true),
    (nil, "none", "portal.example", true),
    ("https://evil.example", nil, "portal.example", false),
    ("null", nil, "portal.example", false),
    (nil, "cross-site", "portal.example", false),
    (nil, "same-site", "portal.example", false),
    ("https://portal.example", "cross-site", "portal.example", false),
    ("https://portal.example.evil.example", nil, "portal.example", false),
    ("https://portal.example:444", nil, "portal.example", false),
  ])
  func onlyOurOwnPagesMayChangeSomething(
    origin: String?, site: String?, host: String, isAllowed: Bool
  ) {
    var request = HTTPRequest(method: .post, scheme: "https", authority: host, path: "/log-in")
    request.headerFields[.origin] = origin
    request.headerFields[.fetchSite] = site
    let provenance = RequestProvenance(publicOrigin: "https://portal.example")
    #expect(((try? provenance.check(request)) != nil) == isAllowed)
  }
}
