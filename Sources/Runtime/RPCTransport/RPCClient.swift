package import Logging
package import NIOCore
package import RPC
import Synchronization

/// Calls one service over HTTP/2: connects to its addresses with the first call, spreads calls over
/// them, reconnects with back-off, follows changes of the addresses and of the certificate files.
///
/// A caller on an event loop of the group uses that loop's connection, without a change of thread.
package final class RPCClient: RPCChannel {
  private let shared: ClientShared
  private let interceptors: ClientInterceptors
  private let directory: AddressDirectory
  private let balancers: [Balancer]
  private let nextIndex = Atomic(0)
  private let closed = Latch()

  /// Nothing is opened before the first call.
  package init(
    _ configuration: RPCClientConfiguration, interceptors: [any ClientInterceptor] = [],
    eventLoopGroup: any EventLoopGroup, logger: Logger
  ) {
    // For what is done once for all loops.
    let eventLoop = eventLoopGroup.any()
    let shared = ClientShared(configuration, on: eventLoop, logger: logger)
    let directory = AddressDirectory(configuration, on: eventLoop, logger: logger)
    self.shared = shared
    self.directory = directory
    self.interceptors = ClientInterceptors(interceptors)
    balancers = eventLoopGroup.makeIterator().prefix(max(1, configuration.connectionCountMax))
      .map { Balancer($0, shared: shared, directory: directory) }
    directory.serve(balancers)
  }

  // The directory knows the balancers, and they know it.
  deinit { directory.close() }

  package func unary(
    _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
  ) async throws(RPCError) -> UnaryResponse {
    guard let balancer else { throw RPCError(.unavailable, "the client has no event loop") }
    return try await interceptors.call(method, options) { (options) async throws(RPCError) in
      try await balancer.unary(method, request: request, options: options)
    }
  }

  package func stream<Outcome: Sendable>(
    _ method: MethodDescriptor, options: CallOptions,
    _ body: (any ClientStream) async throws -> Outcome
  ) async throws -> Outcome {
    guard let balancer else { throw RPCError(.unavailable, "the client has no event loop") }
    // Interceptors see the runtime's errors; others of `body` pass them by.
    let result: Result<Outcome, any Error> = try await interceptors.call(method, options) {
      (options) async throws(RPCError) in
      do {
        return .success(try await balancer.stream(method, options: options, body))
      } catch let error as RPCError {
        throw error
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// SHA-256 (DER) of the certificates that its connections show, the current one first: several
  /// after the files have changed; empty before the first connection and without TLS.
  package var certificateDigests: [[UInt8]] { shared.certificateDigests }

  private var balancer: Balancer? {
    guard balancers.count > 1 else { return balancers.first }
    if let own = balancers.first(where: { $0.eventLoop.inEventLoop }) { return own }
    let index = nextIndex.wrappingAdd(1, ordering: .relaxed).oldValue
    return balancers[Int(UInt(bitPattern: index) % UInt(balancers.count))]
  }

  /// Checks the certificate files (throws `TLSError`), then returns when the client has been
  /// closed; cancelling the task closes it. Calls work without it.
  package func run() async throws {
    try shared.loadCredentials()
    await withTaskCancellationHandler {
      await closed.wait()
    } onCancel: {
      shutDown()
    }
  }

  /// Fails calls in flight with CANCELLED and closes the connections.
  package func close() async {
    shutDown()
  }

  private func shutDown() {
    directory.close()
    shared.close()
    for balancer in balancers { balancer.close() }
    closed.open()
  }
}
