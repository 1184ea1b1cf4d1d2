import Cryptography
import Encodings
import HTTPTypes
import Providers
import Testing

@testable import Proxy

@Suite struct ProxyTokenTests {
  static let ours = "chat_" + String(repeating: "A", count: 43)
  static let another = "chat_" + String(repeating: "Q", count: 42) + "E"
  let fields = CredentialFields(catalogue: .standard)

  private func found(_ pairs: [(String, String)]) throws -> String? {
    var headers = HTTPFields()
    for (name, value) in pairs {
      headers.append(HTTPField(name: try #require(HTTPField.Name(name)), value: value))
    }
    return fields.token(in: headers)?.secret.withUTF8String { String($0) }
  }

  private static func base64(_ text: String) -> String {
    Base64.standard.encode(Array(text.utf8), isPadded: true)
  }

  @Test(arguments: [
    ("authorization", "Bearer \(ours)"), ("authorization", "bearer \(ours)"),
    ("authorization", "Token \(ours)"), ("authorization", "Key \(ours)"),
    ("authorization", ours), ("authorization", "Bearer   \(ours) "),
    ("authorization", "Basic \(base64("\(ours):"))"),
    ("authorization", "basic \(base64("user:\(ours)"))"),
    ("authorization", "Token token=\"\(ours)\""), ("authorization", "\(ours), \(ours)"),
    ("x-api-key", ours), ("api-key", ours), ("x-goog-api-key", " \(ours) "), ("xi-api-key", ours),
    ("helicone-auth", "Bearer \(ours)"), ("ocp-apim-subscription-key", ours),
    (
      "sec-websocket-protocol", "realtime, openai-insecure-api-key.\(ours), openai-beta.realtime-v1"
    ),
    ("sec-websocket-protocol", "token, \(ours)"),
  ])
  func anSDKMayPutTheTokenWhereverItLikes(name: String, value: String) throws {
    #expect(try found([(name, value)]) == Self.ours)
  }

  @Test(arguments: [
    [("authorization", "Bearer sk-ant-oat01-aaaa"), ("x-api-key", ours)],
    [("authorization", "Basic \(base64("user:pass"))"), ("x-api-key", ours)],
    [("authorization", "Bearer"), ("x-api-key", ours)],
    [("authorization", "Bearer undefined"), ("api-key", ours)],
    [("x-api-key", "dummy"), ("x-goog-api-key", ours)],
    [("authorization", "Bearer sk-one"), ("authorization", "Bearer \(ours)")],
    [("authorization", "Bearer \(ours)"), ("authorization", "Bearer \(ours)")],
    [("authorization", "Bearer chat_of-somebody-else"), ("x-api-key", ours)],
    [("x-conversation", "chat_42"), ("helicone-auth", ours)],
  ])
  func theCredentialThatIsOursWins(pairs: [(String, String)]) throws {
    #expect(try found(pairs) == Self.ours)
  }

  @Test func withoutATokenThereIsNone() throws {
    #expect(try found([("cookie", Self.ours), ("referer", "https://a/?key=\(Self.ours)")]) == nil)
    #expect(try found([("user-agent", Self.ours), ("x-api-key", "sk-1")]) == nil)
    #expect(try found([("authorization", "Bearer xchat_1")]) == nil)
    let endless = "chat_" + String(repeating: "a", count: ProxyToken.bytesMax)
    #expect(try found([("authorization", endless)]) == nil)
  }

  @Test(arguments: [
    ours, "Bearer \(ours)", "a\(ours)b", "/x/\(ours)/y", another, "user:\(another)@host",
    "chat%5F" + String(repeating: "A", count: 43),
    "%63%68at_" + String(repeating: "%41", count: 43),
    "chat%255F" + String(repeating: "A", count: 43), base64("user:\(ours)"),
    "Basic \(base64("\(another):x"))",
  ])
  func theTokenIsSeenInEverySpelling(text: String) throws {
    #expect(try #require(ProxyToken(Self.ours[...])).isHeld(in: text))
  }

  @Test(arguments: [
    "", "chat_", "chat_completions", "/v1/chat/completions",
    "chat_\(String(repeating: "a", count: 60))",
    "user=chat_42&x=%zz%", base64("chat_42"), String(repeating: "A", count: 200),
  ])
  func otherTextsAreNoTokens(text: String) throws {
    #expect(try !#require(ProxyToken(Self.ours[...])).isHeld(in: text))
  }

  @Test func aShortTokenOfATestIsSeenToo() throws {
    let token = try #require(ProxyToken("chat_x-1"))
    #expect(token.isHeld(in: "a=chat_x-1") && !token.isHeld(in: "a=chat_x-2"))
  }

  @Test(
    arguments: [
      ("key=\(ours)", nil), ("a=1&key=\(ours)&b=%zz", "a=1&b=%zz"),
      ("alt=sse&key=\(ours)", "alt=sse"),
      ("k%65y=chat%5F\(String(repeating: "A", count: 43))&x", "x"), ("key=user-42", "key=user-42"),
      ("key=chat_42", "key=chat_42"), ("token=\(ours)", "token=\(ours)"), ("&&a", "&&a"),
    ] as [(String, String?)])
  func googlesKeyIsTakenOutOfTheQuery(text: String, left: String?) throws {
    var query = ProxyQuery(text)
    query.remove(try #require(ProxyToken(Self.ours[...])))
    #expect(query.text == left)
  }

  @Test func onlyTheParameterKeyIsACredential() {
    #expect(ProxyQuery("a=1&key=\(Self.ours)").token != nil)
    #expect(ProxyQuery("api_key=\(Self.ours)").token == nil)
    #expect(ProxyQuery("key=user-42").token == nil)
    #expect(ProxyQuery(nil).token == nil)
  }
}
