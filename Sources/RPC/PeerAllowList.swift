package import Logging

/// Lets only named peers call each method; a method that is not listed is denied to all.
package final class PeerAllowList: ServerInterceptor {
  /// Method path (`/package.Service/Method`) to URI identities, e.g. `spiffe://chatelaine/gateway`.
  package typealias Rules = [String: Set<String>]

  private let rules: Rules
  private let logger: Logger

  package init(_ rules: Rules, logger: Logger) {
    self.rules = rules
    self.logger = logger
  }

  /// The same callers for every method of `methods`.
  package static func rules(_ methods: [MethodDescriptor], allow identities: Set<String>) -> Rules {
    Rules(methods.map { ($0.path, identities) }, uniquingKeysWith: { $0.union($1) })
  }

  package func callBegins(_ context: ServerContext) throws {
    guard let allowed = rules[context.method.path],
      context.peer.identities.contains(where: allowed.contains)
    else {
      logger.warning(
        "peer denied",
        metadata: [
          "method": "\(context.method.path)", "peer": "\(context.peer.address)",
          "identities": "\(context.peer.identities)",
        ])
      throw RPCError(.permissionDenied, "this peer may not call this method")
    }
  }
}
