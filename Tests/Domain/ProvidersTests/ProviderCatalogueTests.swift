import Foundation
import Testing

@testable import Providers

@Suite struct ProviderCatalogueTests {
  private let catalogue = ProviderCatalogue.standard

  @Test(arguments: [
    "openai", "anthropic", "google", "mistral", "groq", "deepseek", "openrouter", "xai", "cohere",
    "together", "perplexity", "azure-openai", "ollama", "custom",
  ])
  func theWellKnownProvidersAreThere(_ id: String) {
    #expect(catalogue.provider(id: id)?.id == id)
  }

  @Test(arguments: [
    ("OPENAI_API_KEY", "openai"), ("GEMINI_API_KEY", "google"), ("GOOGLE_API_KEY", "google"),
    ("AZURE_OPENAI_API_KEY", "azure-openai"), ("XAI_API_KEY", "xai"),
  ])
  func keyVariablesFindTheirProvider(_ row: (variable: String, id: String)) throws {
    let found = try #require(catalogue.provider(forEnvironmentVariable: row.variable))
    #expect(found.provider.id == row.id)
    #expect(found.role == .key)
  }

  @Test(arguments: [
    ("AZURE_OPENAI_ENDPOINT", "azure-openai"), ("OLLAMA_HOST", "ollama"),
    ("OPENAI_BASE_URL", "openai"),
  ])
  func baseURLVariablesFindTheirProvider(_ row: (variable: String, id: String)) throws {
    let found = try #require(catalogue.provider(forEnvironmentVariable: row.variable))
    #expect(found.provider.id == row.id)
    #expect(found.role == .baseURL)
  }

  @Test func unknownNamesFindNothing() {
    #expect(catalogue.provider(forEnvironmentVariable: "DATABASE_URL") == nil)
    #expect(catalogue.provider(forEnvironmentVariable: "openai_api_key") == nil)
    #expect(catalogue.provider(id: "nobody") == nil)
  }

  @Test func everyProviderThatNeedsNoEndpointHasAnHTTPSBaseURL() throws {
    for provider in catalogue.providers where provider.endpoint != .required {
      let base = try EndpointURL(#require(provider.defaultBaseURL))
      #expect(base.scheme == .https, "\(provider.id)")
      #expect(base.description == provider.defaultBaseURL, "\(provider.id) is not canonical")
    }
  }

  @Test func keysGoWhereTheProviderReadsThem() throws {
    let anthropic = try #require(catalogue.provider(id: "anthropic")?.authentication)
    #expect((anthropic.header, anthropic.prefix) == ("x-api-key", ""))
    let openai = try #require(catalogue.provider(id: "openai")?.authentication)
    #expect((openai.header, openai.prefix) == ("authorization", "Bearer "))
    #expect(catalogue.authenticationHeaderNames.isSuperset(of: ["api-key", "x-goog-api-key"]))
  }

  /// Each SDK's own base URL with the host taken off, and OpenAI's with the `/v1` that it has.
  @Test(arguments: [
    ("groq", "/openai/v1/models", "https://api.groq.com/openai/v1/models"),
    ("groq", "/v1/models", "https://api.groq.com/openai/v1/models"),
    ("zai", "/v4/chat", "https://api.z.ai/api/paas/v4/chat"),
    ("zai", "/v1/chat", "https://api.z.ai/api/paas/v4/chat"),
    ("zai", "/api/paas/v4/chat", "https://api.z.ai/api/paas/v4/chat"),
    ("zai", "/api/anthropic/v1/messages", "https://api.z.ai/api/anthropic/v1/messages"),
    ("zhipu", "/v1/chat", "https://open.bigmodel.cn/api/paas/v4/chat"),
    (
      "dashscope", "/api/v1/services/x", "https://dashscope.aliyuncs.com/api/v1/services/x"
    ),
    ("dashscope", "/v1/chat", "https://dashscope.aliyuncs.com/compatible-mode/v1/chat"),
    (
      "dashscope", "/compatible-mode/v1/chat",
      "https://dashscope.aliyuncs.com/compatible-mode/v1/chat"
    ),
    ("dashscope", "/apis/x", "https://dashscope.aliyuncs.com/compatible-mode/apis/x"),
    ("fireworks", "/inference/v1/chat", "https://api.fireworks.ai/inference/v1/chat"),
    ("fireworks", "/v1/chat", "https://api.fireworks.ai/inference/v1/chat"),
    ("openrouter", "/api/v1/models", "https://openrouter.ai/api/v1/models"),
  ])
  func everySDKFindsItsProvider(_ row: (id: String, path: String, url: String)) throws {
    let provider = try #require(catalogue.provider(id: row.id))
    let base = try EndpointURL(#require(provider.baseURL(forPath: row.path)))
    #expect(base.appending(path: row.path) == row.url)
    // A key is bound to the origin, which is the same for all paths.
    #expect(try base.origin == EndpointURL(#require(provider.defaultBaseURL)).origin)
  }

  @Test func anUnusualKeyIsOnlyAHint() throws {
    let openai = try #require(catalogue.provider(id: "openai"))
    #expect(openai.recognises(key: "sk-anything"))
    #expect(!openai.recognises(key: "gsk_anything"))
    #expect(try #require(catalogue.provider(id: "custom")).recognises(key: "whatever"))
  }

  @Test(arguments: [
    ("localhost", "http://localhost:11434"), ("localhost:1234", "http://localhost:1234"),
    ("0.0.0.0", "http://127.0.0.1:11434"), ("0.0.0.0:8080", "http://127.0.0.1:8080"),
    (":9000", "http://127.0.0.1:9000"), ("[::1]", "http://[::1]:11434"),
    ("https://ollama.example/api", "https://ollama.example/api"),
  ])
  func aBareHostIsCompleted(_ row: (value: String, url: String)) throws {
    let ollama = try #require(catalogue.provider(id: "ollama"))
    #expect(try ollama.endpoint(fromVariable: row.value).description == row.url)
  }

  @Test(arguments: [
    (
      "https://r.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=2025",
      "https://r.openai.azure.com"
    ),
    (
      "https://r.openai.azure.com/openai/responses?api-version=1",
      "https://r.openai.azure.com/openai"
    ),
    ("https://h.example/v1/chat/completions", "https://h.example/v1"),
    ("https://h.example/messages", "https://h.example"),
    ("https://h.example/v1/chat", "https://h.example/v1/chat"),
    ("https://h.example/completions/v1", "https://h.example/completions/v1"),
  ])
  func anAddressOfOneOperationMeansItsBase(_ row: (value: String, url: String)) throws {
    let azure = try #require(catalogue.provider(id: "azure-openai"))
    #expect(try azure.endpoint(fromVariable: row.value).description == row.url)
    #expect(throws: EndpointURLError.queryOrFragment) {
      try azure.endpoint(fromVariable: "https://h.example/v1?api-version=1")
    }
  }

  @Test func onlyProvidersWithBareHostsTakeThem() throws {
    let openai = try #require(catalogue.provider(id: "openai"))
    #expect(throws: EndpointURLError.unsupportedScheme) {
      try openai.endpoint(fromVariable: "localhost:8000")
    }
  }

  @Test func duplicatesAndUnknownReferencesAreRefused() throws {
    let standard = try JSONEncoder().encode(catalogue.providers)
    #expect(throws: Never.self) { try ProviderCatalogue(json: [UInt8](standard)) }
    let doubled = try JSONEncoder().encode(catalogue.providers + catalogue.providers.prefix(1))
    #expect(throws: ProviderCatalogueError.duplicate("openai")) {
      try ProviderCatalogue(json: [UInt8](doubled))
    }
    let withoutCustom = try JSONEncoder().encode(catalogue.providers.filter { $0.id != "custom" })
    #expect(throws: ProviderCatalogueError.unknownProvider("custom")) {
      try ProviderCatalogue(json: [UInt8](withoutCustom))
    }
  }
}
