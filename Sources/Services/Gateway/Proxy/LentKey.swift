import Edge
import HTTPTypes

/// What the operator's key, which users without one of their own share, may be used for.
///
/// Its account at the provider is one for all of them: whoever could list, read or delete what lies
/// there (files, batches, assistants, stored answers) would have the others' too. So it is for
/// requests that a model answers at once, and for the list of models.
enum LentKey {
  /// Last segments of paths that are posted to.
  private static let questions: Set<String> = [
    "completions", "messages", "count_tokens", "responses", "embeddings", "embed", "moderations",
    "rerank", "chat", "generate", "generations", "speech", "transcriptions", "translations",
  ]
  /// The same as Google writes them, behind a model's name.
  private static let verbs = [
    ":generateContent", ":streamGenerateContent", ":embedContent", ":batchEmbedContents",
    ":countTokens",
  ]

  /// - Parameter path: at the provider.
  static func isFor(_ method: HTTPRequest.Method, _ path: String) -> Bool {
    guard let last = path.split(atByte: "/").last else { return false }
    switch method {
    case .get, .head: return last.hasBytes(of: "models")
    case .post:
      return questions.contains(String(last)) || verbs.contains { last.endsWithBytes(of: $0) }
    default: return false
    }
  }
}
