import Metering
import Testing

/// What a request asks for.
@Suite struct AskedModelTests {
  private func model(_ body: String) -> String? {
    Array(body.utf8).withUnsafeBytes { AskedModel.read($0) }
  }

  @Test(arguments: [
    (#"{"model": "gpt-4.1", "messages": []}"#, "gpt-4.1"),
    (#"{"messages": [{"model": "inner"}], "model": "models/gemini-2.5-pro"}"#, "gemini-2.5-pro"),
    (#"{"input": {"model": "inner"}}"#, nil), (#"[{"model": "inner"}]"#, nil),
    (#"{"model": "with blank"}"#, nil), (#"{"model": 7}"#, nil), (#"{"model": ""}"#, nil),
    (#"{"model": "a"} trailing }"#, nil), ("--boundary", nil), ("", nil),
  ])
  func theModelIsTheBodysOwnMember(body: String, expected: String?) {
    #expect(model(body) == expected)
  }

  @Test func aNameThatIsTooLongIsNone() {
    let longest = String(repeating: "m", count: ModelName.bytesMax)
    #expect(model(#"{"model": "\#(longest)"}"#) == longest)
    #expect(model(#"{"model": "\#(longest)m"}"#) == nil)
  }

  @Test(arguments: [
    ("/v1/chat/completions", Metering.Operation.chat), ("/v1/responses", .chat),
    ("/v1/messages", .chat), ("/v1/messages/count_tokens", .tokens),
    ("/v1/messages/batches", .batch), ("/v1beta/models/gemini-2.5-pro:generateContent", .chat),
    ("/v1beta/models/x:streamGenerateContent", .chat),
    ("/v1beta/models/x:embedContent", .embeddings),
    ("/v1/embeddings", .embeddings), ("/v2/embed", .embeddings), ("/v2/rerank", .rerank),
    ("/v1/images/generations", .image), ("/v1/audio/speech", .audio), ("/v1/files/f-1", .files),
    ("/v1/models", .models), ("/v1/models/gpt-4.1", .models), ("/v1/chats", .other), ("/", .other),
  ])
  func aPathSaysTheOperation(path: String, operation: Metering.Operation) {
    #expect(Metering.Operation(path: path) == operation)
  }
}
