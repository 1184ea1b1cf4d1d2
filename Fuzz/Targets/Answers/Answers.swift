import Fuzzing
import Metering

/// What providers answer and clients ask, as the proxy reads it while it passes.
@main
enum AnswersTarget: FuzzTarget {
  static func test(_ input: inout Input) {
    let kind = input.choice(of: 4)
    let pieceBytes = 1 + input.choice(of: 32)
    let bytes = input.remaining()
    switch kind {
    case 0: checkAnswer(.events, bytes, pieceBytes)
    case 1: checkAnswer(.json, bytes, pieceBytes)
    case 2: checkRequest(bytes)
    default: _ = try? PriceTable(String(decoding: bytes, as: UTF8.self))
    }
  }

  private static func checkAnswer(
    _ format: AnswerMeter.Format, _ bytes: [UInt8], _ pieceBytes: Int
  ) {
    var whole = AnswerMeter(format)
    bytes.withUnsafeBytes { whole.read($0) }
    var cut = AnswerMeter(format)
    for start in stride(from: 0, to: bytes.count, by: pieceBytes) {
      bytes[start..<min(bytes.count, start + pieceBytes)].withUnsafeBytes { cut.read($0) }
    }
    require(whole.counts == cut.counts, "tokens are the same however the answer is cut")
    require(whole.model == cut.model, "so is the model")
    guard let counts = whole.counts else { return }
    let part = counts.cached + counts.cacheWritten + counts.cacheWrittenForHour
    require(part <= counts.input, "what is of a cache is part of the prompt")
    for (model, provider) in [("gpt-4o", "openai"), ("claude-opus-4-5", "anthropic")] {
      let cost = PriceTable.published.price(of: model, at: provider)?.cost(of: counts)
      require((cost ?? 0) >= 0, "nothing costs less than nothing")
    }
  }

  private static func checkRequest(_ bytes: [UInt8]) {
    guard let model = bytes.withUnsafeBytes({ AskedModel.read($0) }) else { return }
    require(ModelName.read(Array(model.utf8)) == model, "a name that is kept is a name")
  }
}
