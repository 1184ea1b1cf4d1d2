internal import Logging
package import NIOCore
package import RPC

/// Calls services of the same process through their router and interceptors, without a socket.
package struct InProcessChannel: RPCChannel {
  private typealias Outcome = Result<ByteBuffer, RPCError>

  private let router: Router
  private let peer: Peer
  private let logger = Logger(label: "chatelaine.rpc.in-process")

  /// `peer` is who the services see as the caller.
  package init(
    services: [any RPCService], interceptors: [any ServerInterceptor] = [],
    peer: Peer = Peer(address: "in-process")
  ) {
    router = Router(services: services, interceptors: interceptors)
    self.peer = peer
  }

  package func unary(
    _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
  ) async throws(RPCError) -> UnaryResponse {
    guard let route = router.route(method.path) else { throw router.unimplemented(method.path) }
    let deadline = options.effectiveDeadline
    let context = ServerContext(
      method: route.descriptor, metadata: options.metadata, deadline: deadline, peer: peer)
    let outcome = await answer(route, request, context, by: deadline)
    do {
      return UnaryResponse(
        message: try outcome.get(), metadata: context.response.initial,
        trailers: context.response.trailing)
    } catch {
      // What a socket would not carry doesn't reach the caller here either.
      throw RPCError(error.code, error.message, details: error.details)
    }
  }

  package func stream<Outcome: Sendable>(
    _ method: MethodDescriptor, options: CallOptions,
    _ body: (any ClientStream) async throws -> Outcome
  ) async throws -> Outcome {
    throw RPCError(.unimplemented, "streaming calls are not wired up here yet")
  }

  private func answer(
    _ route: Route, _ request: ByteBuffer, _ context: ServerContext, by deadline: Deadline
  ) async -> Outcome {
    await withTaskGroup(of: Outcome?.self) { group in
      group.addTask {
        do throws(RPCError) {
          return .success(try await route.answer(request, context, logger: logger))
        } catch {
          return .failure(error)
        }
      }
      group.addTask {
        try? await Task.sleep(until: deadline.instant, clock: .continuous)
        return nil
      }
      let first = await group.next() ?? nil
      group.cancelAll()
      if Task.isCancelled { return .failure(RPCError(.cancelled, "the call was cancelled")) }
      return first
        ?? .failure(
          RPCError(.deadlineExceeded, "the deadline passed before the answer"))
    }
  }
}
