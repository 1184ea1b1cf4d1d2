import NIOCore
import RPC

/// The way to a service, on which calls for a visitor bring what proves it: of everything that the
/// gateway holds of them no more than the method needs.
struct ActingChannel: RPCChannel {
  let base: any RPCChannel

  func unary(
    _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
  ) async throws(RPCError) -> UnaryResponse {
    guard let credentials = options.credentials else {
      return try await base.unary(method, request: request, options: options)
    }
    let proof = try await credentials.metadata(for: method)
    do throws(RPCError) {
      return try await base.unary(method, request: request, options: options.with(proof))
    } catch {
      // Refused before a handler saw it: a certificate or auth's key has been replaced since, or
      // the assertion ended on the way.
      guard error.code == .unauthenticated,
        let other = try await credentials.metadata(for: method, insteadOf: proof)
      else { throw error }
      return try await base.unary(method, request: request, options: options.with(other))
    }
  }

  func stream<Outcome: Sendable>(
    _ method: MethodDescriptor, options: CallOptions,
    _ body: (any ClientStream) async throws -> Outcome
  ) async throws -> Outcome {
    guard let credentials = options.credentials else {
      return try await base.stream(method, options: options, body)
    }
    let proof = try await credentials.metadata(for: method)
    return try await base.stream(method, options: options.with(proof), body)
  }
}

extension CallOptions {
  fileprivate func with(_ proof: Metadata) -> CallOptions {
    var options = self
    options.metadata.append(contentsOf: proof)
    return options
  }
}
