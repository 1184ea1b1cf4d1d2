import Metering
import Testing

/// Tokens are found in the answers that providers document, however they are cut.
@Suite struct AnswerMeterTests {
  struct Example: Sendable, CustomTestStringConvertible {
    let name: String
    let format: AnswerMeter.Format
    let text: String
    let counts: TokenCounts
    let model: String?

    var testDescription: String { name }
  }

  private static func counts(
    _ input: Int, _ output: Int, cached: Int = 0, written: Int = 0, writtenForHour: Int = 0,
    isSpecial: Bool = false
  ) -> TokenCounts {
    var counts = TokenCounts(input: input, output: output, cached: cached)
    (counts.cacheWritten, counts.cacheWrittenForHour) = (written, writtenForHour)
    counts.isSpecial = isSpecial
    return counts
  }

  static let examples: [Example] = [
    Example(
      name: "OpenAI, chat completions", format: .json,
      text: #"""
        {
          "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT", "object": "chat.completion",
          "created": 1741569952, "model": "gpt-4.1-2025-04-14",
          "choices": [{"index": 0, "message": {"role": "assistant",
            "content": "Say \"usage\": {\"prompt_tokens\": 7}", "refusal": null, "annotations": []},
            "logprobs": null, "finish_reason": "stop"}],
          "usage": {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29,
            "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0,
              "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}},
          "service_tier": "default"
        }
        """#, counts: counts(19, 10, cached: 8), model: "gpt-4.1-2025-04-14"),
    Example(
      name: "OpenAI, chat completions as a stream", format: .events,
      text: """
        data: {"id":"chatcmpl-123","object":"chat.completion.chunk","model":"gpt-4o-mini",\
        "choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"usage":null}

        data: {"id":"chatcmpl-123","object":"chat.completion.chunk","model":"gpt-4o-mini",\
        "choices":[],"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}}

        data: [DONE]


        """, counts: counts(9, 12), model: "gpt-4o-mini"),
    Example(
      name: "OpenAI, responses", format: .json,
      text: #"""
        {"id": "resp_67ccd2bed1ec8190", "object": "response", "status": "completed",
         "model": "gpt-4.1-2025-04-14", "output": [{"type": "message", "content":
           [{"type": "output_text", "text": "In a peaceful grove …", "annotations": []}]}],
         "usage": {"input_tokens": 36, "input_tokens_details": {"cached_tokens": 0},
           "output_tokens": 87, "output_tokens_details": {"reasoning_tokens": 0},
           "total_tokens": 123}, "user": null, "metadata": {}}
        """#, counts: counts(36, 87), model: "gpt-4.1-2025-04-14"),
    Example(
      name: "OpenAI, responses as a stream", format: .events,
      text: """
        event: response.created
        data: {"type":"response.created","response":{"id":"resp_1","model":"gpt-4.1","usage":null}}

        event: response.output_text.delta
        data: {"type":"response.output_text.delta","delta":"Hi"}

        event: response.completed
        data: {"type":"response.completed","response":{"id":"resp_1","model":"gpt-4.1",\
        "usage":{"input_tokens":37,"output_tokens":11,"output_tokens_details":\
        {"reasoning_tokens":0},"total_tokens":48}}}


        """, counts: counts(37, 11), model: "gpt-4.1"),
    Example(
      name: "OpenAI, embeddings", format: .json,
      text: #"""
        {"object": "list", "data": [{"object": "embedding", "index": 0,
          "embedding": [0.0023064255, -0.009327292, 1e-05, -0.0028842222]}],
         "model": "text-embedding-3-small", "usage": {"prompt_tokens": 8, "total_tokens": 8}}
        """#, counts: counts(8, 0), model: "text-embedding-3-small"),
    Example(
      name: "OpenAI with priority and sound", format: .json,
      text: #"""
        {"model": "gpt-4o-audio-preview", "service_tier": "priority", "usage": {
          "prompt_tokens": 20, "completion_tokens": 30,
          "prompt_tokens_details": {"audio_tokens": 5}}}
        """#, counts: counts(20, 30, isSpecial: true), model: "gpt-4o-audio-preview"),
    Example(
      name: "Anthropic, messages", format: .json,
      text: #"""
        {"id": "msg_01XFDUDYJgAACzvnptvVoYEL", "type": "message", "role": "assistant",
         "model": "claude-sonnet-4-5-20250929", "content": [{"type": "tool_use", "id": "toolu_1",
           "name": "count", "input": {"usage": {"input_tokens": 1, "output_tokens": 1}}}],
         "stop_reason": "tool_use", "stop_sequence": null,
         "usage": {"input_tokens": 2095, "cache_creation_input_tokens": 456,
           "cache_read_input_tokens": 100, "output_tokens": 503, "service_tier": "standard",
           "cache_creation": {"ephemeral_5m_input_tokens": 400,
             "ephemeral_1h_input_tokens": 56}}}
        """#, counts: counts(2_651, 503, cached: 100, written: 400, writtenForHour: 56),
      model: "claude-sonnet-4-5-20250929"),
    Example(
      name: "Anthropic, messages as a stream", format: .events,
      text: """
        event: message_start\r
        data: {"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": \
        "assistant", "content": [], "model": "claude-opus-4-1-20250805", "stop_reason": null, \
        "usage": {"input_tokens": 25, "output_tokens": 1}}}\r
        \r
        event: ping\r
        data: {"type": "ping"}\r
        \r
        event: content_block_delta\r
        data: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", \
        "text": "Hello"}}\r
        \r
        event: message_delta\r
        data: {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, \
        "usage": {"output_tokens": 15}}\r
        \r
        event: message_stop\r
        data: {"type": "message_stop"}\r
        \r

        """, counts: counts(25, 15), model: "claude-opus-4-1-20250805"),
    Example(
      name: "Gemini, generateContent", format: .json,
      text: #"""
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args":
            {"usageMetadata": {"promptTokenCount": 1}}}}], "role": "model"},
          "finishReason": "STOP", "index": 0}],
         "usageMetadata": {"promptTokenCount": 264, "candidatesTokenCount": 24,
           "totalTokenCount": 1331, "cachedContentTokenCount": 200, "thoughtsTokenCount": 1043,
           "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 6},
             {"modality": "IMAGE", "tokenCount": 258}]},
         "modelVersion": "gemini-2.5-flash", "responseId": "x"}
        """#, counts: counts(264, 1_067, cached: 200), model: "gemini-2.5-flash"),
    Example(
      name: "Gemini, streamGenerateContent as one array", format: .json,
      text: #"""
        [{"candidates": [{"content": {"parts": [{"text": "One"}]}}],
          "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4},
          "modelVersion": "gemini-2.5-pro"}
        ,
        {"candidates": [{"content": {"parts": [{"text": " two"}]}, "finishReason": "STOP"}],
         "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 9,
           "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 4}]}}
        ]
        """#, counts: counts(4, 9, isSpecial: true), model: "gemini-2.5-pro"),
    Example(
      name: "Mistral, chat as a stream", format: .events,
      text: """
        data: {"id":"cmpl-e5cc70bb28c444948073e77776eb30ef","object":"chat.completion.chunk",\
        "model":"mistral-small-latest","choices":[{"index":0,"delta":{"content":"Hi"},\
        "finish_reason":"stop"}],"usage":{"prompt_tokens":16,"total_tokens":50,\
        "completion_tokens":34}}

        data: [DONE]


        """, counts: counts(16, 34), model: "mistral-small-latest"),
    Example(
      name: "Cohere, chat", format: .json,
      text: #"""
        {"id": "c14c80c3-18eb-4519-9460-6c92edd8cfb4", "finish_reason": "COMPLETE",
         "message": {"role": "assistant", "content": [{"type": "text", "text": "LLMs …"}]},
         "usage": {"billed_units": {"input_tokens": 5, "output_tokens": 418},
           "tokens": {"input_tokens": 71, "output_tokens": 418}}}
        """#, counts: counts(5, 418), model: nil),
    Example(
      name: "Cohere, chat as a stream", format: .events,
      text: """
        event: message-start
        data: {"id":"29f14a5a","type":"message-start","delta":{"message":{"role":"assistant"}}}

        event: message-end
        data: {"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"billed_units":\
        {"input_tokens":17,"output_tokens":17},"tokens":{"input_tokens":215,"output_tokens":17}}}}


        """, counts: counts(17, 17), model: nil),
    Example(
      name: "Cohere, embed", format: .json,
      text: #"""
        {"id": "3198467e", "embeddings": {"float": [[0.016296387, -0.008354187]]},
         "texts": ["hello"], "meta": {"api_version": {"version": "2"},
           "billed_units": {"input_tokens": 2}}}
        """#, counts: counts(2, 0), model: nil),
    Example(
      name: "Groq, the last event", format: .events,
      text: """
        data: {"model":"llama-3.3-70b-versatile","choices":[],"x_groq":{"id":"req_1",\
        "usage":{"prompt_tokens":41,"completion_tokens":6}}}


        """, counts: counts(41, 6), model: "llama-3.3-70b-versatile"),
  ]

  /// What is found when the text comes in these pieces.
  private func meter(_ format: AnswerMeter.Format, _ pieces: [ArraySlice<UInt8>]) -> AnswerMeter {
    var meter = AnswerMeter(format)
    for piece in pieces { Array(piece).withUnsafeBytes { meter.read($0) } }
    return meter
  }

  @Test(arguments: examples)
  func tokensAreFoundWhereverTheAnswerIsCut(example: Example) {
    let bytes = Array(example.text.utf8)
    for cut in 0...bytes.count {
      let meter = meter(example.format, [bytes[..<cut], bytes[cut...]])
      #expect(meter.counts == example.counts, "cut at \(cut)")
      #expect(meter.model == example.model, "cut at \(cut)")
    }
    let single = meter(example.format, bytes.indices.map { bytes[$0...$0] })
    #expect(single.counts == example.counts)
  }

  @Test(arguments: [
    #"{"usage": {"prompt_tokens": 1.5, "completion_tokens": -3}}"#,
    #"{"usage": {"prompt_tokens": 99999999999999999999}}"#,
    #"{"usage": {"input_tokens": 2000000000}}"#,
    #"{"usage": {"prompt_tokens": "12"}}"#,
    #"{"usage": {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}}"#,
    #"{"usage": [{"prompt_tokens": 3}]}"#, #"{"error": {"message": "no"}}"#,
    #"}{"usage": {"prompt_tokens": 3}}"#, #"<html>"#, "", "[", #"{"a":]"#, "\u{0}\u{FFFD}",
  ])
  func whatCannotBeBelievedHasNoCounts(text: String) {
    #expect(meter(.json, [Array(text.utf8)[...]]).counts == nil)
  }

  @Test func anEventThatIsNoJSONDoesNotSpoilTheNext() {
    let text = """
      data: {"usage":{"prompt_tokens":
      : a comment

      data: nonsense }

      data:{"usage":
      data: {"prompt_tokens":3,"completion_tokens":4}}


      """
    #expect(meter(.events, [Array(text.utf8)[...]]).counts == Self.counts(3, 4))
  }

  @Test func deepAndLongTextsEndTheReading() {
    let deep = String(repeating: "[", count: 100_000) + #"{"usage":{"prompt_tokens":3}}"#
    #expect(meter(.json, [Array(deep.utf8)[...]]).counts == nil)
    let longName = #"{"\#(String(repeating: "x", count: 100_000))":{"usage":{"prompt_tokens":3}}}"#
    #expect(meter(.json, [Array(longName.utf8)[...]]).counts == nil)
  }

  @Test func noBytesTrap() {
    var random = SystemRandomNumberGenerator()
    let letters =
      Array(#"{}[]":,\ 019.-etrufals"usage""input_tokens"data:"#.utf8) + [10, 13, 0, 255]
    for _ in 0..<2_000 {
      let bytes = (0..<200).compactMap { _ in letters.randomElement(using: &random) }
      for format in [AnswerMeter.Format.json, .events] { _ = meter(format, [bytes[...]]).counts }
    }
  }

  @Test(arguments: [
    ("application/json", "", true), ("application/json; charset=utf-8", "identity", true),
    ("Text/Event-Stream", "", true), ("application/json", "gzip", false),
    ("application/json", "identity,br", false), ("text/html", "", false),
    ("application/octet-stream", "", false), ("", "", false),
  ])
  func onlyPlainJSONAndEventsAreRead(type: String, coding: String, isRead: Bool) {
    #expect((AnswerMeter(contentType: type, contentCoding: coding) != nil) == isRead)
  }
}
