/// A client's interceptors around a call, the first outermost.
package struct ClientInterceptors: Sendable {
  private let interceptors: [any ClientInterceptor]

  package init(_ interceptors: [any ClientInterceptor]) {
    self.interceptors = interceptors
  }

  package func call<Outcome: Sendable>(
    _ method: MethodDescriptor, _ options: CallOptions,
    _ last: (CallOptions) async throws(RPCError) -> Outcome
  ) async throws(RPCError) -> Outcome {
    try await call(from: 0, method, options, last)
  }

  private func call<Outcome: Sendable>(
    from index: Int, _ method: MethodDescriptor, _ options: CallOptions,
    _ last: (CallOptions) async throws(RPCError) -> Outcome
  ) async throws(RPCError) -> Outcome {
    guard index < interceptors.count else { return try await last(options) }
    return try await interceptors[index].intercept(method, options) {
      (options) async throws(RPCError) in
      try await call(from: index + 1, method, options, last)
    }
  }
}
