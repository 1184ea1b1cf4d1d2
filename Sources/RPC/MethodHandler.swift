package import NIOCore
package import Protobuf

/// A service as the router sees it: generated protocols refine this one.
package protocol RPCService: Sendable {
  /// Every method of the service with the code that answers it.
  var methodHandlers: [MethodHandler] { get }
}

/// A method and the code that answers it, with its message types erased.
package struct MethodHandler: Sendable {
  /// Answers a unary call: packed request in, packed response appended to the buffer it returns.
  package typealias Unary =
    @Sendable (_ request: ByteBuffer, _ context: ServerContext) async throws -> ByteBuffer

  /// How the call shapes are answered; streaming shapes join here.
  package enum Body: Sendable {
    case unary(Unary)
  }

  package let descriptor: MethodDescriptor
  package let body: Body

  package init(_ descriptor: MethodDescriptor, _ body: Body) {
    self.descriptor = descriptor
    self.body = body
  }

  /// A unary method over messages; what generated services call.
  package static func unary<Request: Message, Response: Message>(
    _ descriptor: MethodDescriptor, _ request: Request.Type,
    _ answer: @escaping @Sendable (Request, ServerContext) async throws -> Response
  ) -> MethodHandler {
    MethodHandler(
      descriptor,
      .unary { bytes, context in
        let request: Request
        do {
          request = try Request(unpacking: bytes)
        } catch {
          throw RPCError(.invalidArgument, "\(error)")
        }
        let response = try await answer(request, context)
        var buffer = Envelope.messageBuffer()
        response.pack(into: &buffer)
        return buffer
      })
  }
}
