import FoundationEssentials
package import NIOCore
package import RPC
import ServiceAPI

/// The way to `auth`, which takes note of the tokens that are revoked through it: their owner's next
/// request comes before the stream has told of them.
package struct RevokingChannel: RPCChannel {
  let base: any RPCChannel
  let credentials: KnownCredentials

  package func unary(
    _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
  ) async throws(RPCError) -> UnaryResponse {
    guard method == AuthAPI.AuthMethods.deleteAccessToken else {
      return try await base.unary(method, request: request, options: options)
    }
    let id = (try? AuthAPI.DeleteAccessTokenRequest(unpacking: request))?.id
    let answer = try await base.unary(method, request: request, options: options)
    if let id = id.flatMap({ UUID(uuidString: $0) }) { credentials.revoke(credentialID: id) }
    return answer
  }

  package func stream<Outcome: Sendable>(
    _ method: MethodDescriptor, options: CallOptions,
    _ body: (any ClientStream) async throws -> Outcome
  ) async throws -> Outcome {
    try await base.stream(method, options: options, body)
  }
}
