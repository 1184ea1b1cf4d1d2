import Egress
import Metering
import NIOCore
import NIOHTTP1
import Providers
import ServiceAPI

/// What a request asks of its provider, for the record of its use.
struct AskedUse: Sendable {
  let operation: Metering.Operation
  /// The model that the path or a body at hand names; nil where neither can be read.
  let model: String?
  /// Whose list prices count; nil for an endpoint of the user's own.
  let pricedProvider: String?
  let prices: PriceTable

  init(
    _ target: ProxyTarget, _ body: RequestRelay, pricedProvider: String?, prices: PriceTable
  ) {
    operation = Metering.Operation(path: target.path)
    let inPath = NamedModels(path: target.path, query: nil).inPath.first
    model =
      inPath.flatMap { ModelName.read(Array($0.utf8)) }
      ?? body.bytes?.withUnsafeReadableBytes { AskedModel.read($0) }
    self.pricedProvider = pricedProvider
    self.prices = prices
  }

  /// What is told of the use, with what the answer said of itself.
  func told(_ meter: AnswerMeter?) -> VaultAPI.ModelUse {
    let counts = meter?.counts
    // The answer knows best what it was: an alias becomes a version, a deployment its model.
    let cost: Int? =
      if let counts, let provider = pricedProvider, let model = meter?.model ?? model {
        prices.price(of: model, at: provider)?.cost(of: counts)
      } else {
        nil
      }
    return VaultAPI.ModelUse(
      model: model ?? meter?.model ?? "", operation: operation.rawValue,
      tokens: counts.map {
        VaultAPI.TokenCounts(
          input: Int64($0.input), output: Int64($0.output), cached: Int64($0.cached))
      },
      costNanodollars: cost.map { Int64($0) })
  }
}

extension AnswerMeter {
  /// For the answer to be read as it passes; nil where there is nothing that can be read.
  init?(for answer: UpstreamAnswer) {
    self.init(
      contentType: answer.headers.first(name: "content-type") ?? "",
      contentCoding: answer.headers[canonicalForm: "content-encoding"].joined(separator: ","))
  }

  mutating func read(_ piece: ByteBuffer) {
    piece.withUnsafeReadableBytes { read($0) }
  }
}
