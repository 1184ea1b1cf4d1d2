import Edge
import HTTPTypes
import Testing

@testable import Proxy

@Suite struct ProxyTargetTests {
  private func target(_ address: String, label: String = "") throws -> ProxyTarget {
    try ProxyTarget(try RequestTarget(address), labelField: label)
  }

  @Test func anAddressNamesProviderLabelAndPath() throws {
    let openai = try target("/proxy/openai/v1/models?a=%zz", label: " work ")
    #expect((openai.providerID, openai.label) == ("openai", "work"))
    #expect((openai.prefix, openai.path) == ("/proxy/openai", "/v1/models"))
    #expect(openai.query == "a=%zz")
    let custom = try target("/proxy/custom/my%20lab/v1/models", label: "ignored")
    #expect((custom.providerID, custom.label) == ("custom", "my lab"))
    #expect((custom.prefix, custom.path) == ("/proxy/custom/my%20lab", "/v1/models"))
  }

  @Test(arguments: [
    ("/proxy/openai/", "/"), ("/proxy/openai//v1/x", "//v1/x"), ("/proxy/openai/v1/", "/v1/"),
    ("/proxy/openai/a%2Fb/%FF/{x}", "/a%2Fb/%FF/{x}"), ("/proxy/custom/lab/", "/"),
    ("/proxy/openai/v1/x:generate", "/v1/x:generate"),
  ])
  func thePathStaysAsItWasSent(address: String, path: String) throws {
    #expect(try target(address).path == path)
  }

  @Test(
    arguments: [
      ("chatelaine-grant=abc", nil, "abc"), ("a=%zz&chatelaine-grant=abc", "a=%zz", "abc"),
      ("a&chatelaine-grant=abc&b=", "a&b=", "abc"), ("&chatelaine-grant=", "", ""),
      ("chatelaine%2Dgrant=a%62c", nil, "abc"), ("a&chatelaine-grant", "a&chatelaine-grant", nil),
      ("chatelaine-grant=a&b&chatelaine-grant=c", "b", "a&c"), ("key=abc", "key=abc", nil),
    ] as [(String, String?, String?)])
  func aGrantIsNoPartOfTheQuery(sent: String, query: String?, grant: String?) throws {
    let target = try target("/proxy/openai/v1/files?\(sent)")
    #expect(target.query == query && target.grant == grant)
  }

  @Test(arguments: [
    "/proxy/custom", "/proxy/custom/", "/proxy/custom/lab", "/proxy/custom//v1/x",
    "/proxy/custom//", "/proxy/%63ustom/lab", "/proxy/%63ustom//x", "/proxy/openai", "/proxy/",
    "/proxy//v1/x", "/proxy/custom/%FF/v1/x",
  ])
  func whatIsMissingIsSaidAndNeverMadeUp(address: String) throws {
    let problem = try #require(throws: Problem.self) { try target(address) }
    #expect(problem.status == .notFound && problem.detail.contains("/v1/models"))
  }

  @Test func aLabelIsTakenHoweverItIsWritten() throws {
    #expect(try target("/proxy/%63ustom/lab/v1").label == "lab")
    #expect(try target("/proxy/custom/a:b/v1").label == "a:b")
    let problem = try #require(throws: Problem.self) { try target("/proxy/custom/lab") }
    #expect(problem.detail == "add the path behind the label: /proxy/custom/lab/v1/models")
  }
}
