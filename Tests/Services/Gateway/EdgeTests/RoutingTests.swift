import HTTPTypes
import Testing

@testable import Edge

@Suite struct RoutingTests {
  private func match(_ template: String, _ path: String) throws -> [String: String]? {
    let variables = try PathTemplate(template).match(try RequestTarget(path))
    return variables.map { Dictionary($0.map { ($0.name, $0.value) }) { first, _ in first } }
  }

  @Test func aTemplateMatchesSegmentBySegment() throws {
    #expect(try match("/api/v1/me", "/api/v1/me") == [:])
    #expect(try match("/api/v1/me", "/api/v1/me?x=1") == [:])
    #expect(try match("/api/v1/me", "/api/v1/me/") == nil)
    #expect(try match("/api/v1/me", "/api/v1") == nil)
    #expect(try match("/a/{id}", "/a/b") == ["id": "b"])
    #expect(try match("/a/{id}", "/a/") == nil)
    #expect(try match("/a/{id}", "/a/b%20c") == ["id": "b c"])
    #expect(try match("/a/{id}", "/a/b%2Fc") == ["id": "b/c"])
    #expect(try match("/", "/") == [:])
  }

  @Test func aColonBeginsAVerb() throws {
    #expect(try match("/a/{id}:enable", "/a/7:enable") == ["id": "7"])
    #expect(try match("/a/{id}:enable", "/a/7:disable") == nil)
    #expect(try match("/a/{id}:enable", "/a/:enable") == nil)
    #expect(try match("/a/{id}:enable", "/a/7") == nil)
    #expect(try match("/a/{id}", "/a/7:enable") == nil)
    #expect(try match("/a/{id}", "/a/7%3Aenable") == ["id": "7:enable"])
  }

  @Test func aRestTakesEverythingBelowAsItWasSent() throws {
    #expect(
      try match("/p/{x}/{rest=**}", "/p/openai/v1/models") == ["x": "openai", "rest": "/v1/models"])
    #expect(
      try match("/p/{x}/{rest=**}", "/p/openai/a%2Fb/c") == ["x": "openai", "rest": "/a%2Fb/c"])
    #expect(try match("/p/{x}/{rest=**}", "/p/openai") == nil)
    #expect(try match("/p/x:verb", "/p/x:verb") == [:])
    #expect(try match("/p/x:verb", "/p/x") == nil)
    #expect(try match("/p/{x}:verb", "/p/openai:verb") == ["x": "openai"])
  }

  @Test(arguments: [
    "a", "/{", "/{}", "/{a}b", "/{a}:", "/{a}:x/b", "/{a=**}/b", "/x*", "/x:y/z", "/x:", "/:y",
    "/x:y:z", "/{a b}",
  ])
  func aMalformedTemplateIsRefused(text: String) {
    #expect(throws: PathTemplate.Failure.self) { try PathTemplate(text) }
  }

  @Test(arguments: [
    "", "a", "*", "/%zz", "/a%", "/a%2", "/a/../b", "/a/./b", "/%2e%2e/b", "/a/..%2fb", "/a%00b",
    "/a%0d%0ab", "/a b", "/a\"b", "/a\\b", "/caf\u{e9}", "/a/.%2E", "/a#b", "/a?b#c",
    "/a?b c", "/<a>", "/%ff%2f..",
    // The slash is half of another character, but not for a server that decodes bytes.
    "/a/..%2f%CC%81b", "/a/%D8%80%2f../b", "/a/..%5c%E2%83%9Db",
  ])
  func aTargetThatTwoReadersCouldReadDifferentlyIsRefused(text: String) {
    #expect(throws: RequestTarget.Failure.malformed) { try RequestTarget(text) }
  }

  @Test func anAbsoluteTargetIsItsPath() throws {
    #expect(try RequestTarget("http://portal.example/api/v1/me?a=b").path == "/api/v1/me")
    #expect(try RequestTarget("https://portal.example").path == "/")
    #expect(throws: RequestTarget.Failure.tooLong) {
      try RequestTarget("/" + String(repeating: "a", count: RequestTarget.bytesMax))
    }
  }

  @Test(arguments: [
    "/a?text=a%0Ab", "/a?q=%FF", "/a?q=100%25&p=50%", "/a?{a|b}^\"<>\\`", "/a?x[]=1&../..",
  ])
  func aQueryIsNobodysBusinessUntilItIsRead(text: String) throws {
    #expect(try RequestTarget(text).query == text.dropFirst(3))
  }

  @Test(arguments: ["/a/%FF", "/a|b", "/{a}", "/a^b`", "/a/[1]", "/a/%C3", "/a/%E2%98%83"])
  func aPathMayHoldBytesOfAnyEncoding(text: String) throws {
    #expect(try RequestTarget(text).path == text)
    #expect(try match("/a/{id}", "/a/%FF") == nil)
  }

  @Test func theQueryIsDecoded() throws {
    let parameters = try #require(try RequestTarget("/a?x=1&y=a+b%26c&z&=").parameters)
    #expect(parameters.map(\.name) == ["x", "y", "z", ""])
    #expect(parameters.map(\.value) == ["1", "a b&c", "", ""])
    #expect(try RequestTarget("/a?x=%zz").parameters == nil)
  }

  @Test func theMostSpecificRouteWinsAndOtherVerbsAreNamed() throws {
    let table = RouteTable([
      try route(["GET"], "/a/{id}"), try route(["PATCH"], "/a/{id}"), try route(["GET"], "/a/new"),
      try route(["POST"], "/a/{id}:run"), try route(["GET", "POST"], "/a/{id}/{rest=**}"),
    ])
    func found(_ method: HTTPRequest.Method, _ path: String) throws -> String {
      switch table.match(method, try RequestTarget(path)) {
      case .route(let route, _): route.template.text
      case .otherVerbs(let verbs, _): verbs.joined(separator: " ")
      case .nothing: "nothing"
      }
    }
    #expect(try found(.get, "/a/new") == "/a/new")
    #expect(try found(.head, "/a/new") == "/a/new")
    #expect(try found(.get, "/a/7") == "/a/{id}")
    #expect(try found(.post, "/a/7:run") == "/a/{id}:run")
    #expect(try found(.get, "/a/7:run") == "POST")
    #expect(try found(.delete, "/a/7") == "GET HEAD PATCH")
    #expect(try found(.post, "/a/new/b") == "/a/{id}/{rest=**}")
    #expect(try found(.get, "/b") == "nothing")
  }

  private func route(_ verbs: [String], _ template: String) throws -> Route {
    try Route(verbs, template, .api) { _ in Response(status: .ok) }
  }
}
