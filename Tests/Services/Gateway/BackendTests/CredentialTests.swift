import Backend
import Edge
import HTTPTypes
import Testing

@Suite struct CredentialTests {
  private let cookies = PortalCookies(isSecure: false)

  @Test func anAccessTokenWinsOverTheCookie() {
    let headers: HTTPFields = [.authorization: "bearer  t ", .cookie: "chatelaine-session=s"]
    guard case .accessToken = Credential.of(headers, cookies: cookies) else {
      Issue.record("the header was not read")
      return
    }
  }

  @Test(arguments: [
    "Basic t", "Bearer", "Bearer ", "Bearer\u{600} t", "Bearer\u{301} t", "Bearer\u{a0}t",
  ])
  func anotherHeaderIsNoCredential(header: String) {
    #expect(Credential.of([.authorization: header], cookies: cookies) == nil)
  }

  @Test func aLongTokenIsNotOurs() {
    let token = String(repeating: "a", count: Credential.bytesMax + 1)
    #expect(Credential.of([.authorization: "Bearer \(token)"], cookies: cookies) == nil)
    #expect(Credential.of([.cookie: "chatelaine-session=\(token)"], cookies: cookies) == nil)
  }
}
