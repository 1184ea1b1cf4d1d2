import NIOCore
import Protobuf
import RPC
import ServiceRuntime
import Synchronization

/// Answers calls from a table of closures, and remembers what was asked, as the real clients would
/// have sent it.
final class FakeChannel: RPCChannel {
  typealias Handler = @Sendable (ByteBuffer, CallOptions) throws -> ByteBuffer

  private struct State {
    var handlers: [String: Handler] = [:]
    var calls: [(path: String, metadata: Metadata)] = []
    var isStopped = false
    /// Calls that are to fail, by path.
    var failuresLeft: [String: Int] = [:]
  }
  private let state = Mutex(State())
  private let interceptors = ClientInterceptors(ServiceChassis.clientInterceptors())

  /// The metadata of every call so far, oldest first.
  var calls: [(path: String, metadata: Metadata)] { state.withLock { $0.calls } }

  /// From now on nobody answers.
  func stop() {
    state.withLock { $0.isStopped = true }
  }

  /// Has the next calls of `method` fail as if nobody were there.
  func fail(_ method: MethodDescriptor, times: Int) {
    state.withLock { $0.failuresLeft[method.path] = times }
  }

  func on<Request: Message, Response: Message>(
    _ method: MethodDescriptor,
    _ answer: @escaping @Sendable (Request, Metadata) throws -> Response
  ) {
    state.withLock { state in
      state.handlers[method.path] = { bytes, options in
        var buffer = ByteBuffer()
        try answer(try Request(unpacking: bytes), options.metadata).pack(into: &buffer)
        return buffer
      }
    }
  }

  func unary(
    _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
  ) async throws(RPCError) -> UnaryResponse {
    try await interceptors.call(method, options) { (options) async throws(RPCError) in
      try answer(method, request, options)
    }
  }

  private func answer(
    _ method: MethodDescriptor, _ request: ByteBuffer, _ options: CallOptions
  ) throws(RPCError) -> UnaryResponse {
    let (handler, isStopped) = state.withLock { state -> (Handler?, Bool) in
      state.calls.append((method.path, options.metadata))
      if let left = state.failuresLeft[method.path], left > 0 {
        state.failuresLeft[method.path] = left - 1
        return (nil, true)
      }
      return (state.handlers[method.path], state.isStopped)
    }
    guard !isStopped else { throw RPCError(.unavailable, "nobody is there") }
    guard let handler else { throw RPCError(.unimplemented, method.path) }
    do {
      return UnaryResponse(message: try handler(request, options))
    } catch let error as RPCError {
      throw error
    } catch {
      throw RPCError(.internal, "\(error)")
    }
  }

  func stream<Outcome: Sendable>(
    _ method: MethodDescriptor, options: CallOptions,
    _ body: (any ClientStream) async throws -> Outcome
  ) async throws -> Outcome {
    throw RPCError(.unimplemented, "the gateway makes unary calls only")
  }
}
