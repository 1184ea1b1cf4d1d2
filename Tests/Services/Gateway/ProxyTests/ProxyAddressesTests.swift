import Edge
import HTTPTypes
import NIOHTTP1
import Providers
import Testing

@testable import Proxy

@Suite struct ProxyAddressesTests {
  private let grants: UploadGrants

  init() throws { grants = try UploadGrants() }

  /// The addresses in an answer to a request for `path`, sent to a custom endpoint or a provider.
  private func addresses(
    _ base: String? = "https://llm.example/v1", to path: String = "/v1/models?a=1",
    provider: String = "custom"
  ) throws -> ProxyAddresses {
    let provider = try #require(ProviderCatalogue.standard.provider(id: provider))
    let own = provider.id == "custom" ? "/proxy/custom/lab" : "/proxy/\(provider.id)"
    let target = try ProxyTarget(try RequestTarget(own + path), labelField: "")
    let baseURL = try base.map { try EndpointURL($0) }
    let endpoint = try baseURL ?? EndpointURL(#require(provider.baseURL(forPath: target.path)))
    return ProxyAddresses(
      target: target, provider: provider, baseURL: baseURL, endpoint: endpoint,
      publicOrigin: "https://keys.example", grants: grants,
      token: try #require(ProxyToken("chat_ours")))
  }

  @Test(arguments: [
    ("https://llm.example/v1/models/", "/models/"),
    ("https://llm.example:443/v1/x?b=%2F", "/x?b=%2F"),
    ("HTTPS://LLM.Example./v1/x", "/x"), ("//llm.example/v1/x", "/x"), ("/v1/x#part", "/x#part"),
    ("models/", "/models/"), ("?cursor=2", "/models?cursor=2"), ("", "/models?a=1"),
    ("../v1/x", "/x"), ("/v1/a/../b/./c", "/b/c"), ("/v1", "/v1"), ("/v1/v1/x", "/v1/v1/x"),
    // A server that doesn't know that TLS ends in front of it.
    ("http://llm.example/v1/x", "/x"),
  ])
  func anAddressOfTheEndpointBecomesOneOfTheProxy(reference: String, path: String) throws {
    let addresses = try addresses()
    let found = try #require(addresses.proxied(reference))
    #expect(found.hasPrefix("/proxy/custom/lab/"))
    // Asked for again, it leads to the same place.
    let again = String(found.dropFirst("/proxy/custom/lab".count))
    let base = try EndpointURL("https://llm.example/v1")
    #expect(base.appending(path: again) == base.appending(path: path), "\(found)")
  }

  @Test(arguments: [
    "https://other.example/v1/x", "https://llm.example:8443/v1/x", "https://llm.example.other/v1/x",
    "http://llm.example:443/v1/x", "https://user@llm.example/v1/x", "ftp://llm.example/v1/x",
    "//other.example/v1/x", "https:other", "javascript:alert(1)", "/\\other.example/v1",
    "https:\\\\other.example", "/login", "https://llm.example", "/v1/%2e%2e/x", "/v1/a b",
    "https://llm.example\\@other.example/v1", "/v1/../admin", "x:y",
  ])
  func anyOtherAddressLeadsNowhere(reference: String) throws {
    #expect(try addresses().proxied(reference) == nil)
  }

  @Test(arguments: [
    ("groq", "/openai/v1/models", "https://api.groq.com/openai/v1/models/", "/v1/models/"),
    (
      "dashscope", "/api/v1/tasks", "https://dashscope.aliyuncs.com/api/v1/tasks/7",
      "/api/v1/tasks/7"
    ),
    ("dashscope", "/api/v1/tasks", "/compatible-mode/v1/x", "/compatible-mode/v1/x"),
    ("google", "/upload/v1beta/files", "/upload/v1beta/files?id=7", "/upload/v1beta/files?id=7"),
    ("zai", "/v4/x", "https://api.z.ai/api/paas/v4/async/7", "/async/7"),
    ("zai", "/v4/x", "/api/anthropic/v1/7", "/api/anthropic/v1/7"),
  ])
  func theCataloguesBaseIsTakenOff(
    provider: String, request: String, reference: String, path: String
  ) throws {
    let addresses = try addresses(nil, to: request, provider: provider)
    #expect(addresses.proxied(reference) == "/proxy/\(provider)\(path)")
  }

  @Test func aRedirectElsewhereIsRefusedWithoutItsSecrets() throws {
    let addresses = try addresses()
    let problem = try #require(throws: Problem.self) {
      try addresses.fields(
        of: ["Location": "https://cdn.example/file?signature=abc"], status: .temporaryRedirect)
    }
    #expect(problem.status == .badGateway && problem.headers[.shouldRetry] == "false")
    #expect(problem.detail.contains(" https://cdn.example: "))
    #expect(!problem.detail.contains("signature"))
  }

  @Test func otherFieldsThatLeadElsewhereAreLeftOut() throws {
    let fields = try addresses().fields(
      of: [
        "Location": "https://other.example/1", "Content-Location": "https://other.example/2",
        "Operation-Location": "https://other.example/3", "X-Goog-Upload-URL": "//other.example/4",
        "Link": "<https://other.example/5>; rel=next", "X-Other": "https://other.example/6",
      ], status: .created)
    #expect(fields.isEmpty)
  }

  @Test func fieldsThatSDKsTakeAsTheyAreBecomeWholeAddresses() throws {
    let fields = try addresses().fields(
      of: [
        "Location": "https://llm.example/v1/1", "Operation-Location": "https://llm.example/v1/2",
      ], status: .accepted)
    #expect(
      fields.map(\.value).sorted() == [
        "/proxy/custom/lab/1", "https://keys.example/proxy/custom/lab/2",
      ])
  }

  @Test(arguments: [
    ("https://llm.example/v1/3?upload_id=4", "/3?upload_id=4&"), ("/v1/3", "/3?"),
    ("/v1/3?", "/3?&"), ("/v1/3?a#part", "/3?a&"),
  ])
  func anUploadsAddressIsWholeAndGrantsTheToken(reference: String, path: String) throws {
    for name in ["X-Goog-Upload-URL", "x-goog-upload-control-url"] {
      let fields = try addresses().fields(of: [name: reference], status: .ok)
      let value = try #require(fields.first?.value)
      #expect(
        value.hasPrefix("https://keys.example/proxy/custom/lab\(path)chatelaine-grant="), "\(value)"
      )
      // As it comes back.
      let below = String(value.dropFirst("https://keys.example".count))
      let target = try ProxyTarget(try RequestTarget(below), labelField: "")
      let grant = try grants.open(#require(target.grant), for: target, method: .post)
      #expect(grant.token.isHeld(in: "chat_ours") && grant.label == "lab")
    }
  }

  @Test func theLocationOfAnUploadInGooglesOlderProtocolIsSuchAnAddress() throws {
    let reference = "https://llm.example/v1/files?uploadType=resumable&upload_id=4"
    let start = try addresses(to: "/v1/files?uploadType=resumable")
    let fields = try start.fields(of: ["Location": reference], status: .ok)
    #expect(fields.first?.value.hasPrefix("https://keys.example/proxy/custom/lab/files?") == true)
    #expect(fields.first?.value.contains("&upload_id=4&chatelaine-grant=") == true)
    // Neither a redirect of it nor the address of anything else that was made.
    for (addresses, status) in [(start, HTTPResponse.Status.found), (try addresses(), .created)] {
      let fields = try addresses.fields(of: ["Location": reference], status: status)
      #expect(fields.first?.value.contains("chatelaine-grant") == false)
    }
  }

  @Test(arguments: [
    "https://other.example/v1/3?upload_id=4", "/v1/3?chatelaine-grant=of-theirs",
    "/v1/3?" + String(repeating: "a", count: RequestTarget.bytesMax - 100),
  ])
  func anUploadsAddressThatCanHaveNoGrantIsLeftOut(reference: String) throws {
    #expect(try addresses().fields(of: ["x-goog-upload-url": reference], status: .ok).isEmpty)
  }

  @Test(
    arguments: [
      ("<a>; rel=next", "<a>; rel=next"),
      ("<?cursor=2>; rel=\"next\"", "<?cursor=2>; rel=\"next\""),
      (
        "<https://llm.example/v1/m?c=2>; rel=next, </v1/m?c=0>; rel=prev",
        "</proxy/custom/lab/m?c=2>; rel=next, </proxy/custom/lab/m?c=0>; rel=prev"
      ),
      ("<https://llm.example/v1/m>; rel=next, <https://other.example/>; rel=help", nil),
      ("<https://llm.example/v1/m", nil),
    ] as [(String, String?)])
  func linksAreRewrittenOneByOne(value: String, passed: String?) throws {
    let fields = try addresses().fields(of: ["Link": value], status: .ok)
    #expect(fields.first?.value == passed)
  }
}
