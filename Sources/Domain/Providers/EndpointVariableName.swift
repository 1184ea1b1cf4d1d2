/// How products name the variable that holds a provider's address: the provider's own word, then
/// words that say "address" (`OPENAI_API_BASE_URL`, `ANTHROPIC_REVERSE_PROXY`, `GOOGLE_URL`).
///
/// No list of such names is ever complete, and one that is missed sends a key to a host that it was
/// not for.
enum EndpointVariableName {
  private static let nouns: Set<String> = [
    "URL", "URLS", "URI", "URIS", "BASE", "BASES", "BASEURL", "BASEURLS", "APIBASE", "BASEPATH",
    "ENDPOINT", "ENDPOINTS", "HOST", "HOSTS", "PROXY", "SERVER", "ADDRESS", "ADDR",
    "GATEWAY", "RELAY",
  ]
  private static let fillers: Set<String> = [
    "API", "REVERSE", "CUSTOM", "DEFAULT", "PATH", "ROOT", "CHAT", "COMPLETION", "COMPLETIONS",
    "INFERENCE", "COMPATIBLE", "GENAI", "LLM", "OVERRIDE", "V1",
  ]
  /// What tools that build pages want in front, and what people put there themselves.
  private static let prefixes = [
    "NEXT_PUBLIC_", "REACT_APP_", "NUXT_PUBLIC_", "NUXT_", "EXPO_PUBLIC_", "VITE_", "CUSTOM_",
    "DEFAULT_",
  ]
  private static let keySuffixes = [
    "_API_KEYS", "_API_KEY", "_API_TOKEN", "_KEYS", "_KEY", "_TOKEN",
  ]

  /// The provider's own word in the name of a variable for its key: `OPENAI` of `OPENAI_API_KEY`.
  static func stem(ofKeyVariable name: String) -> String {
    for suffix in keySuffixes where name.hasSuffix(suffix) {
      return String(name.dropLast(suffix.utf8.count))
    }
    return name
  }

  /// The beginnings of `name` at which its provider's word may end, longest first, each with the
  /// words behind it.
  static func readings(of name: String) -> [(stem: String, words: [String])] {
    let prefix = prefixes.first { name.hasPrefix($0) } ?? ""
    let words = name.utf8.dropFirst(prefix.utf8.count).split(separator: UInt8(ascii: "_"))
      .map { String(Substring($0)) }
    guard words.count > 1 else { return [] }
    return (1..<words.count).reversed().map { count in
      (words.prefix(count).joined(separator: "_"), Array(words.dropFirst(count)))
    }
  }

  /// What the words behind a provider's own word say.
  static func role(of words: [String]) -> ProviderVariable.Role? {
    switch words {
    case ["API", "KEYS"], ["KEYS"]: return .key
    // As often the proxy through which the provider is reached as an address in its place.
    case ["PROXY"], ["API", "PROXY"]: return .possibleBaseURL
    default: break
    }
    guard words.contains(where: nouns.contains),
      words.allSatisfy({ nouns.contains($0) || fillers.contains($0) })
    else { return nil }
    return .baseURL
  }
}
