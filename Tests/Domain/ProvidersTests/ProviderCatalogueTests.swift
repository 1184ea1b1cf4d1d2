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
    let found = try #require(catalogue.variable(row.variable))
    #expect(found.provider.id == row.id)
    #expect(found.role == .key)
  }

  @Test(arguments: [
    ("AZURE_OPENAI_ENDPOINT", "azure-openai"), ("OLLAMA_HOST", "ollama"),
    ("OPENAI_BASE_URL", "openai"),
  ])
  func baseURLVariablesFindTheirProvider(_ row: (variable: String, id: String)) throws {
    let found = try #require(catalogue.variable(row.variable))
    #expect(found.provider.id == row.id)
    #expect(found.role == .baseURL)
  }

  @Test func unknownNamesFindNothing() {
    #expect(catalogue.variable("DATABASE_URL") == nil)
    #expect(catalogue.variable("openai_api_key") == nil)
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
    ("http://0.0.0.0:11434", "http://127.0.0.1:11434"), ("http://0.0.0.0", "http://127.0.0.1"),
    ("http://0.0.0.0:11434/", "http://127.0.0.1:11434"), ("0.0.0.0/", "http://127.0.0.1:11434"),
    ("[::]", "http://127.0.0.1:11434"), ("[::]:8080", "http://127.0.0.1:8080"),
    ("http://[::]:8080/v1", "http://127.0.0.1:8080/v1"), ("::", "http://127.0.0.1:11434"),
    ("::1", "http://[::1]:11434"), ("*", "http://127.0.0.1:11434"), ("*:1", "http://127.0.0.1:1"),
    ("http://:8080", "http://127.0.0.1:8080"), ("0", "http://127.0.0.1:11434"),
    ("10.0.0.5", "http://10.0.0.5:11434"), ("ollama.lan/x", "http://ollama.lan:11434/x"),
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

  @Test func anAddressToListenOnMeansThisMachineForEveryProvider() throws {
    let openai = try #require(catalogue.provider(id: "openai"))
    #expect(
      try openai.endpoint(fromVariable: "http://0.0.0.0:4000/v1").description
        == "http://127.0.0.1:4000/v1")
    #expect(throws: EndpointURLError.userInformation) {
      try openai.endpoint(fromVariable: "http://u:p@0.0.0.0:4000")
    }
  }

  /// As Open WebUI, NextChat, LibreChat, LobeHub, LiteLLM, LangChain and their like call them.
  @Test(arguments: [
    ("OPENAI_API_BASE_URL", "openai", "OPENAI"), ("OPENAI_API_BASE_URLS", "openai", "OPENAI"),
    ("OPENAI_REVERSE_PROXY", "openai", "OPENAI"), ("OPENAI_API_HOST", "openai", "OPENAI"),
    ("OPENAI_BASEURL", "openai", "OPENAI"), ("OPENAI_API_ENDPOINT", "openai", "OPENAI"),
    ("OPENAI_API_URL", "openai", "OPENAI"), ("OPENAI_BASE_PATH", "openai", "OPENAI"),
    ("NEXT_PUBLIC_OPENAI_BASE_URL", "openai", "OPENAI"),
    ("CUSTOM_OPENAI_BASE_URL", "openai", "OPENAI"),
    ("ANTHROPIC_URL", "anthropic", "ANTHROPIC"), ("ANTHROPIC_PROXY_URL", "anthropic", "ANTHROPIC"),
    ("ANTHROPIC_REVERSE_PROXY", "anthropic", "ANTHROPIC"),
    ("CLAUDE_BASE_URL", "anthropic", "CLAUDE"),
    ("GOOGLE_URL", "google", "GOOGLE"), ("GOOGLE_REVERSE_PROXY", "google", "GOOGLE"),
    ("GEMINI_API_BASE", "google", "GEMINI"), ("GOOGLE_PROXY_URL", "google", "GOOGLE"),
    ("OPENROUTER_URL", "openrouter", "OPENROUTER"), ("AZURE_URL", "azure-openai", "AZURE"),
    ("AZURE_ENDPOINT", "azure-openai", "AZURE"),
    ("AZURE_OPENAI_API_ENDPOINT", "azure-openai", "AZURE_OPENAI"),
    ("DEEPSEEK_PROXY_URL", "deepseek", "DEEPSEEK"), ("STABILITY_URL", "stability", "STABILITY"),
    ("CHATGLM_URL", "zhipu", "CHATGLM"), ("ALIBABA_URL", "dashscope", "ALIBABA"),
    ("OLLAMA_PROXY_URL", "ollama", "OLLAMA"), ("OLLAMA_BASE_URLS", "ollama", "OLLAMA"),
    ("OLLAMA_API_BASE_URL", "ollama", "OLLAMA"),
    ("TOGETHER_AI_API_BASE", "together", "TOGETHER_AI"),
    ("VOYAGE_API_BASE", "voyage", "VOYAGE"), ("CO_API_URL", "cohere", "CO"),
  ])
  func anyNameOfAnAddressFindsItsProvider(
    _ row: (variable: String, id: String, stem: String)
  ) throws {
    let found = try #require(catalogue.variable(row.variable))
    #expect(found.provider.id == row.id)
    #expect(found.role == .baseURL)
    #expect(found.stem == row.stem)
  }

  @Test(arguments: [
    "OPENAI_MODEL", "OPENAI_API_VERSION", "OPENAI_ORGANIZATION", "GOOGLE_CALLBACK_URL",
    "GOOGLE_CLIENT_ID", "GOOGLE_APPLICATION_CREDENTIALS", "AZURE_STORAGE_ENDPOINT", "HF_ENDPOINT",
    "OPENAI", "URL", "_URL", "API_KEY", "OPENAI_PROXY_PASSWORD", "RAG_OPENAI_API_BASE_URL",
    "OPENAI_HTTP_PROXY", "NEXT_PUBLIC_", "",
  ])
  func otherNamesAreNoAddress(_ name: String) {
    #expect(catalogue.variable(name)?.role != .baseURL)
    #expect(catalogue.variable(name)?.role != .key)
  }

  @Test func whatOnlyMayBeAnAddressIsKnownAsThat() throws {
    for name in ["BASE_URL", "OPENAI_PROXY", "OPENAI_API_PROXY"] {
      #expect(try #require(catalogue.variable(name)).role == .possibleBaseURL)
    }
  }

  @Test func listsOfKeysAreKeys() throws {
    let keys = try #require(catalogue.variable("OPENAI_API_KEYS"))
    #expect((keys.provider.id, keys.role, keys.stem) == ("openai", .key, "OPENAI"))
    #expect(keys.rank > (try #require(catalogue.variable("OPENAI_API_KEY")).rank))
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
