import HTTPTypes
import NIOHTTP1
import Providers
import Testing

@testable import Egress

@Suite struct UpstreamRequestTests {
  @Test(
    arguments: [
      ("openai", nil, "/v1/chat/completions", "https://api.openai.com/v1/chat/completions"),
      (
        "custom", "http://127.0.0.1:9/v1", "/v1/chat/completions",
        "http://127.0.0.1:9/v1/chat/completions"
      ),
      ("custom", "http://127.0.0.1:9", "/v1/models", "http://127.0.0.1:9/v1/models"),
      (
        "custom", "https://llm.example.com/api/v1", "/v1/models",
        "https://llm.example.com/api/v1/models"
      ),
      (
        "custom", "https://llm.example.com/api", "/v1/models",
        "https://llm.example.com/api/v1/models"
      ),
      (
        "custom", "https://llm.example.com/v1", "/v10/models",
        "https://llm.example.com/v1/v10/models"
      ),
      ("custom", "https://llm.example.com/v1", "/v1", "https://llm.example.com/v1"),
      (
        "google", nil, "/v1beta/models/gemini:generateContent",
        "https://generativelanguage.googleapis.com/v1beta/models/gemini:generateContent"
      ),
    ] as [(String, String?, String, String)])
  func thePathIsJoinedToTheBase(
    provider: String, base: String?, path: String, url: String
  ) throws {
    let provider = try #require(ProviderCatalogue.standard.provider(id: provider))
    let endpoint = try EndpointURL(try #require(base ?? provider.defaultBaseURL))
    let request = UpstreamRequest(method: .get, path: path, query: "a=b%20c")
    let head = try request.head(for: endpoint, bodyLength: .none)
    let host = try #require(head.headers["host"].first)
    #expect("\(endpoint.scheme)://\(host)\(head.uri)" == url + "?a=b%20c")
  }
}
