package import NIOCore
package import RPC

/// Calls services of the same process through their router and interceptors, without a socket.
package struct InProcessChannel: RPCChannel {
  /// `peer` is who the services see as the caller.
  package init(
    services: [any RPCService], interceptors: [any ServerInterceptor] = [],
    peer: Peer = Peer(address: "in-process")
  ) {
  }

  package func unary(
    _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
  ) async throws(RPCError) -> UnaryResponse {
    throw RPCError(.unimplemented, "unary")
  }
}
