/// Where providers put the figures of an answer, in whole bodies and in the events of streams:
/// OpenAI (chat completions, responses, embeddings) and those that follow it, Anthropic (messages),
/// Gemini (generateContent), Mistral and Cohere.
///
/// Only at these places: what a model writes may be an object, too, e.g. the arguments of a tool.
struct UsagePlan: JSONPlan {
  enum Place {
    case root
    /// What holds the answer in an event: `response` of OpenAI, `message` of Anthropic, `delta` of
    /// Cohere, `x_groq` of Groq.
    case wrapper
    case usage
    /// What there is in a prompt, and what of sound.
    case inputDetails
    case outputDetails
    /// Anthropic's cache, by the time that it keeps.
    case cacheCreation
    /// Gemini's counts by kind of content.
    case modalities
    case elsewhere
  }

  /// The figures as they were written; nil for one that wasn't there.
  private var input: Int?
  private var output: Int?
  private var cached: Int?
  /// Anthropic and Gemini count these beside the others.
  private var besideInput: Int?
  private var besideOutput: Int?
  private var cacheRead: Int?
  private var cacheWritten: Int?
  private var cacheWrittenForHour: Int?
  private var isSpecial = false
  /// The model that answered.
  private(set) var model: String?

  static var root: Place { .root }

  static func matters(_ place: Place) -> Bool { place != .elsewhere }

  static func place(of name: [UInt8], in parent: Place, isObject: Bool) -> Place {
    switch (parent, name) {
    case (.root, "response"), (.root, "message"), (.root, "delta"), (.root, "x_groq"):
      isObject ? .wrapper : .elsewhere
    case (.root, "usage"), (.root, "usageMetadata"), (.root, "meta"), (.wrapper, "usage"),
      (.wrapper, "usageMetadata"), (.wrapper, "meta"):
      isObject ? .usage : .elsewhere
    // What Cohere bills is what counts; beside it stands what its tokenizer saw.
    case (.usage, "billed_units"): .usage
    case (.usage, "prompt_tokens_details"), (.usage, "input_tokens_details"): .inputDetails
    case (.usage, "completion_tokens_details"), (.usage, "output_tokens_details"): .outputDetails
    case (.usage, "cache_creation"): .cacheCreation
    case (.usage, "promptTokensDetails"), (.usage, "candidatesTokensDetails"): .modalities
    default: .elsewhere
    }
  }

  static func place(ofElementIn parent: Place) -> Place {
    switch parent {
    // Gemini's streams may be one array of answers.
    case .root: .root
    case .modalities: .modalities
    default: .elsewhere
    }
  }

  mutating func found(_ number: Int, at name: [UInt8], in place: Place) {
    switch (place, name) {
    case (.usage, "prompt_tokens"), (.usage, "input_tokens"), (.usage, "promptTokenCount"):
      input = number
    case (.usage, "completion_tokens"), (.usage, "output_tokens"), (.usage, "candidatesTokenCount"):
      output = number
    case (.usage, "toolUsePromptTokenCount"): besideInput = number
    case (.usage, "thoughtsTokenCount"): besideOutput = number
    case (.usage, "cachedContentTokenCount"), (.usage, "prompt_cache_hit_tokens"),
      (.usage, "cached_tokens"), (.inputDetails, "cached_tokens"):
      cached = number
    case (.usage, "cache_read_input_tokens"): cacheRead = number
    case (.usage, "cache_creation_input_tokens"): cacheWritten = number
    case (.cacheCreation, "ephemeral_1h_input_tokens"): cacheWrittenForHour = number
    case (.inputDetails, "audio_tokens"), (.outputDetails, "audio_tokens"),
      (.inputDetails, "image_tokens"), (.outputDetails, "image_tokens"):
      if number > 0 { isSpecial = true }
    default: break
    }
  }

  mutating func found(_ text: [UInt8], at name: [UInt8], in place: Place) {
    switch (place, name) {
    case (.root, "model"), (.wrapper, "model"), (.root, "modelVersion"):
      model = ModelName.read(text) ?? model
    case (.root, "service_tier"), (.wrapper, "service_tier"), (.usage, "service_tier"):
      if text != "default", text != "standard" { isSpecial = true }
    // Anthropic's faster, and where an answer must be made.
    case (.usage, "speed"): if text != "standard" { isSpecial = true }
    case (.usage, "inference_geo"): if text == "us" { isSpecial = true }
    case (.modalities, "modality"): if text == "AUDIO" { isSpecial = true }
    default: break
    }
  }

  /// What all that came says; nil where it says nothing.
  var counts: TokenCounts? {
    guard input != nil || output != nil else { return nil }
    var counts = TokenCounts()
    counts.input = (input ?? 0) + (besideInput ?? 0)
    counts.output = (output ?? 0) + (besideOutput ?? 0)
    counts.cached = cached ?? 0
    if cacheRead != nil || cacheWritten != nil {
      // Anthropic's input is what is in no cache.
      counts.cached = cacheRead ?? 0
      counts.input += counts.cached + (cacheWritten ?? 0)
      counts.cacheWrittenForHour = cacheWrittenForHour ?? 0
      counts.cacheWritten = (cacheWritten ?? 0) - counts.cacheWrittenForHour
    }
    counts.isSpecial = isSpecial
    let special = counts.cached + counts.cacheWritten + counts.cacheWrittenForHour
    guard counts.input <= TokenCounts.tokensMax, counts.output <= TokenCounts.tokensMax,
      counts.cacheWritten >= 0, special <= counts.input
    else { return nil }
    return counts
  }
}

/// Compares bytes with a name that stands in the source.
private func ~= (name: StaticString, bytes: [UInt8]) -> Bool { bytes == name }

private func == (bytes: [UInt8], name: StaticString) -> Bool {
  name.withUTF8Buffer { name in bytes.count == name.count && bytes.elementsEqual(name) }
}

private func != (bytes: [UInt8], name: StaticString) -> Bool { !(bytes == name) }
