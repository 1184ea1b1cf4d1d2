package import Logging
package import NIOCore
package import RPC

/// Answers calls of gRPC over HTTP/2 on one listening socket.
package final class RPCServer: Sendable {
  /// Builds the routes; nothing is opened before `start`.
  ///
  /// The first interceptor is the outermost.
  package init(
    _ configuration: RPCServerConfiguration, services: [any RPCService],
    interceptors: [any ServerInterceptor] = [], eventLoopGroup: any EventLoopGroup, logger: Logger
  ) {
  }

  /// Reads the certificate files, opens the listening socket and returns its port.
  ///
  /// Throws `TLSError` for unusable certificate files, `IOError` when the port is taken.
  package func start() async throws -> Int {
    throw RPCError(.unimplemented, "start")
  }

  /// Serves, after `start` if need be, and returns when the shut-down is complete.
  ///
  /// Cancelling the task stops abruptly: calls in flight are cancelled.
  package func run() async throws {
    throw RPCError(.unimplemented, "run")
  }

  /// Stops accepting, asks clients to leave (GOAWAY twice) and lets running calls end within
  /// `gracePeriod`. May be called from anywhere, more than once.
  package func beginGracefulShutdown() {
  }
}
