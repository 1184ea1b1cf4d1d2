import Auth
import Callers
import Cryptography
import Identity
import NIOCore
import Protobuf
import RPC

/// Has whoever calls a method that changes something prove it by the credential itself, which is
/// looked up then and there.
///
/// What `auth` changes gives rights that last: tokens, factors, passwords, roles. An assertion can
/// be caught on its way and says what was true a minute ago; it is enough for reading only
/// (decision 46). One without a class of methods, which a gateway of the version before asks for,
/// is still taken.
struct OwnersMethods: RPCService {
  /// Tokens are shorter.
  private static let credentialBytesMax = 512

  let base: any RPCService
  let auth: AuthService

  var fileDescriptor: ProtoFileDescriptor? { base.fileDescriptor }

  var methodHandlers: [MethodHandler] {
    base.methodHandlers.map { handler in
      guard MethodClass(methodName: handler.descriptor.method) != .read,
        case .unary(let answer) = handler.body
      else { return handler }
      return MethodHandler(
        handler.descriptor,
        .unary { (request: ByteBuffer, context: ServerContext) async throws -> ByteBuffer in
          try await find(context)
          return try await answer(request, context)
        })
    }
  }

  /// Leaves the credential's owner where an assertion would have left them.
  private func find(_ context: ServerContext) async throws {
    guard let bytes = context.metadata.bytes(CallMetadata.credential) else { return }
    guard bytes.count <= Self.credentialBytesMax,
      let credential = PresentedCredential(text: SecretBytes(copying: bytes))
    else { throw AuthError.unauthenticated }
    context[CallerKey.self] = try await auth.caller(presenting: credential, from: context.origin)
  }
}
