internal import BenchMessages
internal import Logging
internal import RPC

/// What wraps each call here: all that the runtime has, as a service would have it.
enum Interceptors {
  /// The name in the certificate of the load generator.
  static let loadIdentity = "spiffe://chatelaine/bench"

  /// Outermost first. Only certificates say who a peer is, so in clear text nobody is asked.
  static func all(isMutualTLS: Bool, logger: Logger) -> [any ServerInterceptor] {
    var list: [any ServerInterceptor] = [LoggingInterceptor(logger: logger)]
    if isMutualTLS {
      let rules = PeerAllowList.rules(BenchAPI.BenchMethods.all, allow: [loadIdentity])
      list.append(PeerAllowList(rules, logger: logger))
    }
    return list
  }
}
