package import Logging
package import NIOCore
package import RPC

/// Calls one service over HTTP/2: connects with the first call, reconnects with back-off.
package final class RPCClient: RPCChannel {
  /// Nothing is opened before the first call.
  package init(
    _ configuration: RPCClientConfiguration, interceptors: [any ClientInterceptor] = [],
    eventLoopGroup: any EventLoopGroup, logger: Logger
  ) {
  }

  package func unary(
    _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
  ) async throws(RPCError) -> UnaryResponse {
    throw RPCError(.unimplemented, "unary")
  }

  /// Checks the certificate files (throws `TLSError`), then returns when the client has been closed;
  /// cancelling the task closes it. Calls work without it.
  package func run() async throws {
  }

  /// Fails calls in flight with CANCELLED and closes the connections.
  package func close() async {
  }
}
