package import Metering
import Receipts

/// What a use asked for, and what the provider says that it took, as the gateway tells.
package struct ModelUse: Sendable, Hashable {
  /// The most that is believed of one use, in nano-dollars: 10,000 dollars.
  package static let nanodollarsMax = 10_000 * 1_000_000_000

  /// Empty where it is not known.
  package let model: String
  package let operation: Operation
  /// Nil where the provider told none.
  package let tokens: TokenCounts?
  /// In nano-dollars, a billionth of a dollar each; nil where no price is known.
  package let nanodollars: Int?

  /// Nil for what no use has.
  package init?(model: String, operation: Operation, tokens: TokenCounts?, nanodollars: Int?) {
    let figures = 0...TokenCounts.tokensMax
    guard model.isEmpty || ModelName.read(Array(model.utf8)) != nil,
      tokens.map({ figures.contains($0.input) && figures.contains($0.output) }) != false,
      tokens.map({ (0...$0.input).contains($0.cached) }) != false,
      nanodollars.map({ (0...Self.nanodollarsMax).contains($0) }) != false
    else { return nil }
    self.model = model
    self.operation = operation
    self.tokens = tokens
    self.nanodollars = nanodollars
  }

  /// As the receipt has it.
  var details: [String: Receipt.Detail] {
    var details: [String: Receipt.Detail] = ["operation": .text(operation.rawValue)]
    if !model.isEmpty { details["model"] = .text(model) }
    if let tokens {
      details["inputTokens"] = .number(tokens.input)
      details["outputTokens"] = .number(tokens.output)
      details["cachedTokens"] = .number(tokens.cached)
    }
    details["costNanodollars"] = nanodollars.map { .number($0) }
    return details
  }
}
