import Logging
package import NIOCore
package import RPC

/// Calls services of the same process through their router and interceptors, without a socket.
package struct InProcessChannel: RPCChannel {
  private typealias Outcome = Result<ByteBuffer, RPCError>

  private let router: Router
  private let peer: Peer
  private let limit: MessageLimit
  private let logger = Logger(label: "chatelaine.rpc.in-process")

  /// `peer` is who the services see as the caller; a message of more than `messageBytesMax` is
  /// RESOURCE_EXHAUSTED, in either direction.
  package init(
    services: [any RPCService], interceptors: [any ServerInterceptor] = [],
    peer: Peer = Peer(address: "in-process"), messageBytesMax: Int = 4 << 20
  ) {
    router = Router(services: services, interceptors: interceptors)
    self.peer = peer
    limit = MessageLimit(bytesMax: messageBytesMax)
  }

  package func stream<Outcome: Sendable>(
    _ method: MethodDescriptor, options: CallOptions,
    _ body: (any ClientStream) async throws -> Outcome
  ) async throws -> Outcome {
    if Task.isCancelled { throw RPCError(.cancelled, "the call was cancelled") }
    let call = InProcessCall()
    defer { call.cancel() }
    if let route = router.route(method.path) {
      let deadline = options.effectiveDeadline
      let context = context(route, options, deadline)
      call.start(deadline) { call in await serve(call, route, context) }
    } else {
      call.answered(ResponseMetadata(), failing: router.unimplemented(method.path))
    }
    let stream = InProcessClientStream(call, encoding: options.encoding, limit: limit)
    return try await withTaskCancellationHandler {
      try await body(stream)
    } onCancel: {
      call.cancel()
    }
  }

  /// Runs the handler of a streaming call; one of a unary method gets and gives one message.
  private func serve(_ call: InProcessCall, _ route: Route, _ context: ServerContext) async {
    let requests = InProcessRequests(call: call, limit: limit)
    let responses = InProcessResponses(call: call, context: context)
    do throws(RPCError) {
      if route.isUnary {
        guard let request = try await requests.next() else {
          throw RPCError(.internal, "the request ended without a complete message")
        }
        guard try await requests.next() == nil else {
          throw RPCError(.unimplemented, "a unary method takes one message")
        }
        let answer = try await route.answer(request.bytes, context, logger: logger)
        try await responses.write(answer, isCompressed: nil)
      } else {
        try await route.run(requests, responses, context, logger: logger)
      }
      call.answered(context.response)
    } catch {
      call.answered(context.response, failing: error)
    }
  }

  private func context(
    _ route: Route, _ options: CallOptions, _ deadline: Deadline
  ) -> ServerContext {
    ServerContext(
      method: route.descriptor, metadata: options.metadata, deadline: deadline, peer: peer,
      isRequestCompressed: options.encoding == .gzip)
  }
}

// MARK: Unary calls

extension InProcessChannel {
  package func unary(
    _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
  ) async throws(RPCError) -> UnaryResponse {
    guard let route = router.route(method.path) else { throw router.unimplemented(method.path) }
    guard route.isUnary else { return try await exchange(method, request, options) }
    try limit.check(request)
    let deadline = options.effectiveDeadline
    let context = context(route, options, deadline)
    let outcome = await answer(route, request, context, by: deadline)
    do {
      let message = try outcome.get()
      try limit.check(message)
      let response = context.response
      return UnaryResponse(
        message: message, isCompressed: response.isCompressed, metadata: response.initial,
        trailers: response.trailing)
    } catch {
      // What a socket would not carry doesn't reach the caller here either.
      throw RPCError(
        error.code, error.message, details: error.details,
        metadata: context.response.failureFields(error))
    }
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
        try? await Task.sleep(for: deadline.remaining)
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

  /// Calls a method that isn't unary with one message, for one message.
  private func exchange(
    _ method: MethodDescriptor, _ request: ByteBuffer, _ options: CallOptions
  ) async throws(RPCError) -> UnaryResponse {
    do {
      return try await stream(method, options: options) { stream in
        try await stream.write(request, isCompressed: nil)
        stream.finish()
        guard let answer = try await stream.next() else {
          throw RPCError(.internal, "the response has a status but no message")
        }
        guard try await stream.next() == nil else {
          throw RPCError(.internal, "the server sent more than one message")
        }
        return UnaryResponse(
          message: answer.bytes, isCompressed: answer.isCompressed,
          metadata: try await stream.initialMetadata(), trailers: stream.trailers)
      }
    } catch {
      throw RPCError(answering: error)
    }
  }
}

/// How large a message may be; as at the end of a socket, its reader refuses a larger one.
struct MessageLimit: Sendable {
  let bytesMax: Int

  func check(_ message: ByteBuffer) throws(RPCError) {
    guard message.readableBytes <= bytesMax else {
      throw RPCError(
        .resourceExhausted,
        "the message has \(message.readableBytes) bytes; at most \(bytesMax) are accepted")
    }
  }

  /// The refusal is the end of the call.
  func check(_ message: ByteBuffer, of call: InProcessCall) throws(RPCError) {
    do {
      try check(message)
    } catch {
      call.fail(error)
      throw error
    }
  }
}
