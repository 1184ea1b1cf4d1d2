import Testing

/// A client whose cases are in Python/clients/with_NAME.py.
struct Client: Sendable, CustomTestStringConvertible {
  let name: String
  /// The providers whose keys its cases use; the first one also has a key that is disabled.
  let providers: [String]

  var testDescription: String { name }

  /// Its own part of the stand-in, when that is reached by HTTP/2.
  var roomOverHTTP2: String { "\(name)-http2" }

  private init(_ name: String, _ providers: String...) {
    self.name = name
    self.providers = providers
  }

  static let all = [
    Client("openai", "openai", "azure-openai"),
    Client("anthropic", "anthropic"),
    Client("google", "google"),
    Client("mistral", "mistral"),
    Client("groq", "groq"),
    Client("cohere", "cohere"),
    Client("ollama", "ollama"),
    Client("litellm", "openai", "anthropic", "google", "mistral", "azure-openai", "groq"),
    Client("httpx", "openai"),
    Client("aiohttp", "openai"),
    Client("requests", "openai", "anthropic"),
    Client("curl", "openai"),
    Client("java", "openai"),
    Client("sockets", "openai", "anthropic", "google", "azure-openai"),
  ]

  /// Those whose cases also run with a provider that speaks HTTP/2: SDKs of two families, a client
  /// that shows what it gets, and one that sends what it likes.
  static let overHTTP2 = all.filter {
    ["openai", "anthropic", "httpx", "sockets"].contains($0.name)
  }
}
