import BenchMessages
import Logging
import Pacing
import RPC

/// What wraps each call here: all that the runtime has, in the order in which services have it.
enum Interceptors {
  /// The name in the certificate of the load generator.
  static let loadIdentity = "spiffe://chatelaine/bench"
  /// The bucket is asked at every call and never empty.
  private static let rateLimit = RateLimit(rate: 10_000_000, burst: 10_000_000)

  /// Outermost first. Only certificates say who a peer is, so in clear text nobody is asked.
  static func all(
    isMutualTLS: Bool, tracer: Tracer? = nil, logger: Logger
  ) -> [any ServerInterceptor] {
    var list: [any ServerInterceptor] = [
      TracingInterceptor(tracer: tracer), LoggingInterceptor(logger: logger),
      RateLimitInterceptor(rateLimit),
    ]
    if isMutualTLS {
      let rules = PeerAllowList.rules(BenchAPI.BenchMethods.all, allow: [loadIdentity])
      list.append(PeerAllowList(rules, logger: logger))
    }
    return list
  }
}
