import Identity
import Testing

@testable import Proxy

/// Which models a request names.
@Suite struct NamedModelsTests {
  private static let limits = AccessLimits(models: [
    "gpt-4o*", "gemini-2.5-pro", "anthropic.claude*",
  ])

  private func refusal(
    _ path: String, query: String? = nil, body: String? = nil, isSafe: Bool = false
  ) -> NamedModels.Refusal? {
    do throws(NamedModels.Refusal) {
      var models = NamedModels(path: path, query: query)
      if let body { try models.read(Array(body.utf8)) }
      try models.check(Self.limits, isSafe: isSafe)
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [
    ("/v1/chat/completions", #"{"model": "gpt-4o-mini", "messages": []}"#),
    ("/v1/chat/completions", #"{"messages": [{"model": "o3"}], "model": "gpt-4o"}"#),
    ("/v1/chat/completions", #"{"mod\u0065l": "gpt-4o"}"#),
    ("/api/v1/chat/completions", #"{"model": "gpt-4o", "models": ["gpt-4o-mini"]}"#),
    ("/v1beta/models/gemini-2.5-pro:generateContent", "{}"),
    ("/v1beta/openai/chat/completions", #"{"model": "models/gemini-2.5-pro"}"#),
    ("/openai/deployments/gpt-4o/chat/completions", "{}"),
    ("/model/anthropic.claude-3-sonnet-v1:0/invoke", "{}"),
  ])
  func anAllowedModelPasses(path: String, body: String) {
    #expect(refusal(path, body: body) == nil)
  }

  @Test(arguments: [
    ("/v1/chat/completions", #"{"model": "o3"}"#, NamedModels.Refusal.other("o3")),
    ("/v1/chat/completions", #"{"model": "gpt-4o", "model": "o3"}"#, .unreadable),
    ("/v1/chat/completions", #"{"model": "gpt-4o", "mod\u0065l": "o3"}"#, .unreadable),
    ("/v1/chat/completions", #"{"model": ["o3"]}"#, .unreadable),
    ("/v1/chat/completions", #"{"model": "gpt-4o", "models": ["o3"]}"#, .other("o3")),
    ("/v1/chat/completions", #"{"model": "gpt-4o", "Model": "o3"}"#, .unreadable),
    ("/v1/chat/completions", #"{"mod_el": "gpt-4o", "model": "gpt-4o"}"#, .unreadable),
    ("/v1/text-to-speech", #"{"model": "gpt-4o", "model_id": "o3"}"#, .other("o3")),
    ("/v1/predictions", #"{"model": "gpt-4o", "version": "o3"}"#, .other("o3")),
    ("/v1/predictions", #"{"model": "gpt-4o", "modelId": {"a": 1}}"#, .unreadable),
    ("/v1beta/tunedModels/x:generateContent", #"{"model": "models/gpt-4o"}"#, .other("x")),
    ("/v1/chat/completions", "not json", .unreadable),
    ("/v1/chat/completions", "[]", .unnamed), ("/v1/batches", #"{"input_file_id": "f"}"#, .unnamed),
    ("/v1beta/models/gemini-2.5-flash:generateContent", "{}", .other("gemini-2.5-flash")),
    ("/openai/deployments/gpt%2D4/chat/completions", "{}", .other("gpt-4")),
    ("/openai/deployments/gpt-4o/chat/completions", #"{"model": "o3"}"#, .other("o3")),
  ])
  func anotherModelOrNoneIsRefused(path: String, body: String, expected: NamedModels.Refusal) {
    #expect(refusal(path, body: body) == expected)
  }

  @Test(arguments: [
    ("application/json", true), ("Application/JSON; charset=utf-8", true),
    ("application/vnd.api+json", true), ("application/x-www-form-urlencoded", false),
    ("text/plain", false), ("", false), ("application/json, text/plain", false),
  ])
  func onlyJSONIsReadAsJSON(contentType: String, isJSON: Bool) {
    #expect(NamedModels.isJSON(contentType) == isJSON)
  }

  @Test func aQueryNamesAModelAndDoesNotStandForOne() {
    #expect(refusal("/v1/realtime", query: "model=o3", isSafe: true) == .other("o3"))
    #expect(refusal("/v1/realtime", query: "a=b&m%6Fdel=o3", isSafe: true) == .other("o3"))
    #expect(refusal("/v1/realtime", query: "model=gpt-4o", isSafe: true) == nil)
    #expect(refusal("/v1/batches", query: "model=gpt-4o") == .unnamed)
    #expect(refusal("/v1/models", isSafe: true) == nil)
    #expect(refusal("/v1/models/o3", isSafe: true) == .other("o3"))
  }
}
