package import NIOCore
package import Protobuf

/// A service as the router sees it: generated protocols refine this one.
package protocol RPCService: Sendable {
  /// Every method of the service with the code that answers it.
  var methodHandlers: [MethodHandler] { get }
  /// The `.proto` file that declares the service; nil when reflection has nothing to show.
  var fileDescriptor: ProtoFileDescriptor? { get }
}

extension RPCService {
  package var fileDescriptor: ProtoFileDescriptor? { nil }
}

/// A method and the code that answers it, with its message types erased.
package struct MethodHandler: Sendable {
  /// Answers a unary call: packed request in, packed response appended to the buffer it returns.
  package typealias Unary =
    @Sendable (_ request: ByteBuffer, _ context: ServerContext) async throws -> ByteBuffer
  /// Answers a call of any other shape; the call ends with OK when this returns.
  package typealias Streaming =
    @Sendable (
      _ requests: any MessageSource, _ responses: any ResponseSink, _ context: ServerContext
    ) async throws -> Void

  package enum Body: Sendable {
    case unary(Unary)
    case streaming(Streaming)
  }

  package let descriptor: MethodDescriptor
  package let body: Body

  package init(_ descriptor: MethodDescriptor, _ body: Body) {
    self.descriptor = descriptor
    self.body = body
  }
}

/// Handlers over messages; what generated services call. Unary ones unpack and pack by themselves:
/// each closure in between would cost every call a frame of its task.
extension MethodHandler {
  package static func clientStreaming<Request: Message, Response: Message>(
    _ descriptor: MethodDescriptor, _ request: Request.Type,
    _ answer: @escaping @Sendable (RequestStream<Request>, ServerContext) async throws -> Response
  ) -> MethodHandler {
    MethodHandler(
      descriptor,
      .streaming { requests, responses, context in
        let response = try await answer(RequestStream(requests), context)
        try await responses.write(response.enveloped(), isCompressed: nil)
      })
  }

  package static func serverStreaming<Request: Message, Response: Message>(
    _ descriptor: MethodDescriptor, _ request: Request.Type, _ response: Response.Type,
    _ answer:
      @escaping @Sendable (Request, ResponseWriter<Response>, ServerContext) async throws
      -> Void
  ) -> MethodHandler {
    MethodHandler(
      descriptor,
      .streaming { requests, responses, context in
        guard let received = try await requests.next() else {
          throw RPCError(.internal, "the request ended without a complete message")
        }
        let request = try Request(request: received.bytes)
        guard try await requests.next() == nil else {
          throw RPCError(.unimplemented, "this method takes one message")
        }
        try await answer(request, ResponseWriter(responses), context)
      })
  }

  package static func bidirectionalStreaming<Request: Message, Response: Message>(
    _ descriptor: MethodDescriptor, _ request: Request.Type, _ response: Response.Type,
    _ answer:
      @escaping @Sendable (
        RequestStream<Request>, ResponseWriter<Response>, ServerContext
      ) async throws -> Void
  ) -> MethodHandler {
    MethodHandler(
      descriptor,
      .streaming { requests, responses, context in
        try await answer(RequestStream(requests), ResponseWriter(responses), context)
      })
  }
}
