import HTTPTypes
import Testing

@testable import Proxy

/// An account at a provider that people share who don't know of each other.
@Suite struct LentKeyTests {
  @Test(arguments: [
    (HTTPRequest.Method.post, "/v1/chat/completions"), (.post, "/v1/responses"),
    (.post, "/v1/messages"), (.post, "/v1/messages/count_tokens"), (.post, "/v1/embeddings"),
    (.post, "/v1beta/models/gemini-2.5-pro:streamGenerateContent"), (.get, "/v1/models"),
    (.post, "/v2/chat"), (.post, "/v1/audio/speech"),
  ])
  func questionsToModelsPass(_ method: HTTPRequest.Method, _ path: String) {
    #expect(LentKey.isFor(method, path))
  }

  @Test(arguments: [
    (HTTPRequest.Method.get, "/v1/files"), (.get, "/v1/files/f/content"), (.post, "/v1/files"),
    (.delete, "/v1/files/f"), (.get, "/v1/responses/r"), (.post, "/v1/batches"),
    (.get, "/v1/chat/completions"), (.post, "/v1/assistants"), (.post, "/v1/messages/batches"),
    (.post, "/v1beta/cachedContents"), (.delete, "/v1/models/ft"), (.get, "/"), (.post, ""),
    (.post, "/v1beta/models/x:batchGenerateContent"), (.put, "/v1/chat/completions"),
  ])
  func whatOthersLeftThereIsOutOfReach(_ method: HTTPRequest.Method, _ path: String) {
    #expect(!LentKey.isFor(method, path))
  }
}
