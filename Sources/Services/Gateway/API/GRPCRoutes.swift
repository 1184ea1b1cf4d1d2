package import Backend
import Callers
package import Edge
import Encodings
import HTTPTypes
package import NIOCore
import Protobuf
import RPC
import RPCInProcess
import RPCServices
import ServiceAPI

/// gRPC at the gateway: every method that the JSON API has, for clients in any language with an
/// access token as `authorization` metadata, and reflection of just these.
///
/// Requests and answers pass as they are; the services judge them as they do those of the JSON API.
package struct GRPCRoutes: Sendable {
  /// The largest request message.
  package static let messageBytesMax = JSONRoutes.bodyBytesMax
  private static let contentTypes: Set<String> = ["application/grpc", "application/grpc+proto"]

  /// Looks at a request's message before it is sent to the service, and throws what is wrong.
  package typealias MessageCheck = @Sendable (_ message: ByteBuffer) throws -> Void

  private let services: Services
  private let authenticator: Authenticator
  private let checks: [String: MessageCheck]
  private let reflection: InProcessChannel

  /// - Parameter checks: by the path of the method.
  package init(
    services: Services, authenticator: Authenticator, checks: [String: MessageCheck] = [:]
  ) {
    (self.services, self.authenticator, self.checks) = (services, authenticator, checks)
    reflection = InProcessChannel(
      services: ReflectionService.allVersions(
        describing: PassedService.all.flatMap(\.methods),
        files: PassedService.all.map(\.file)),
      messageBytesMax: Self.messageBytesMax)
  }

  package func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    var routes: [Edge.Route] = []
    for service in PassedService.all {
      guard let channel = services.channels[service.name] else { continue }
      for method in service.methods {
        routes.append(
          try Edge.Route(["POST"], method.path, .api) { exchange in
            await answer(exchange) { try await pass(exchange, method, to: channel) }
          })
      }
    }
    for method in ReflectionService.methods {
      routes.append(
        try Edge.Route(["POST"], method.path, .api) { exchange in
          await answer(exchange) { try await reflect(exchange, method) }
        })
    }
    return routes
  }

  // MARK: Calls

  private func pass(
    _ exchange: Exchange, _ method: MethodDescriptor, to channel: any RPCChannel
  ) async throws -> Response {
    var options: CallOptions
    if JSONRoutes.openMethods.contains(method.path) {
      try authenticator.provenance.check(exchange.head)
      options = exchange.strangersOptions
    } else {
      options = try await authenticator.visitor(of: exchange, calling: method)
        .options(for: exchange)
    }
    if let timeout = try Self.timeout(of: exchange) {
      options.deadline = .after(min(timeout, CallOptions.defaultTimeout))
    }
    var reader = EnvelopeReader(messageBytesMax: Self.messageBytesMax)
    reader.append(
      try await exchange.bodyBuffer(bytesMax: Self.messageBytesMax + Envelope.prefixBytes))
    guard let request = try reader.next()?.bytes, reader.bufferedBytes == 0 else {
      throw RPCError(.internal, "a unary method takes one message")
    }
    try checks[method.path]?(request)
    let message = try await channel.unary(method, request: request, options: options).message
    return Self.response(exchange) { writer in
      try await writer.write(Envelope.seal(message))
    }
  }

  /// Answers each question as it comes, until the client has no more.
  private func reflect(
    _ exchange: Exchange, _ method: MethodDescriptor
  ) async throws -> Response {
    let (body, reflection) = (exchange.request.body, reflection)
    return Self.response(exchange) { writer in
      try await reflection.stream(method, options: CallOptions(timeout: Self.reflectionTimeout)) {
        stream in
        var reader = EnvelopeReader(messageBytesMax: Self.messageBytesMax)
        for try await piece in body {
          reader.append(piece)
          while let question = try reader.next() {
            try await stream.write(question.bytes, isCompressed: nil)
            guard let answer = try await stream.next() else { return }
            try await writer.write(Envelope.seal(answer.bytes))
          }
        }
        stream.finish()
      }
    }
  }

  /// How long a client may ask about methods with one call.
  private static let reflectionTimeout: Duration = .seconds(60)

  private static func timeout(of exchange: Exchange) throws -> Duration? {
    guard let text = exchange.headers[.grpcTimeout] else { return nil }
    guard let timeout = TimeoutField.decode(Array(text.utf8)) else {
      throw RPCError(.internal, "grpc-timeout is malformed")
    }
    return timeout
  }

  // MARK: Answers

  private func answer(
    _ exchange: Exchange, _ work: () async throws -> Response
  ) async -> Response {
    let type = exchange.headers[.contentType, default: ""].lowercasedASCII()
    guard Self.contentTypes.contains(type) else {
      // Whoever sends something else doesn't read the status of gRPC.
      return Problem(.unsupportedMediaType, "the body must be application/grpc")
        .response(requestID: exchange.requestID)
    }
    do {
      return try await work()
    } catch {
      var headers = Self.status(of: error)
      headers[.contentType] = "application/grpc"
      return Response(status: .ok, headers: headers)
    }
  }

  /// An answer whose status follows its messages.
  private static func response(
    _ exchange: Exchange, _ write: @escaping @Sendable (ResponseBodyWriter) async throws -> Void
  ) -> Response {
    Response(
      status: .ok, headers: [.contentType: "application/grpc"],
      body: ResponseBody { writer in
        defer { exchange.log.write(.ok) }
        do {
          try await write(writer)
          try await writer.finish([.grpcStatus: "\(RPCError.Code.ok.rawValue)"])
        } catch let error as RPCError {
          try await writer.finish(status(of: error))
        }
      })
  }

  /// What the client is told of an error: its status, words and details (gRPC, "PROTOCOL-HTTP2").
  private static func status(of error: any Error) -> HTTPFields {
    let error =
      (error as? any RPCErrorConvertible)?.rpcError ?? RPCError(Problem(catching: error))
    var fields: HTTPFields = [.grpcStatus: "\(error.code.rawValue)"]
    fields[.grpcMessage] = String(
      decoding: PercentCoding.bytes(of: error.message, keeping: .visible), as: UTF8.self)
    if let details = StatusDetails.encode(error) {
      fields[.grpcStatusDetails] = Base64.standard.encode(details)
    }
    return fields
  }
}

/// A service whose public methods the gateway passes on.
private struct PassedService: Sendable {
  /// As the gateway calls it.
  let name: String
  let methods: [MethodDescriptor]
  let file: ProtoFileDescriptor

  static let all = [
    PassedService(
      name: "auth", methods: AuthAPI.AuthClient.transcodedMethods.map(\.descriptor),
      file: .chatelaineAuthV1Auth),
    PassedService(
      name: "vault", methods: VaultAPI.VaultClient.transcodedMethods.map(\.descriptor),
      file: .chatelaineVaultV1Vault),
    PassedService(
      name: "audit", methods: AuditAPI.AuditClient.transcodedMethods.map(\.descriptor),
      file: .chatelaineAuditV1Audit),
  ]
}

extension RPCError {
  /// The status that means the same as an answer of the JSON API.
  fileprivate init(_ problem: Problem) {
    let code: Code =
      switch problem.status.code {
      case 400: .invalidArgument
      case 401: .unauthenticated
      case 403: .permissionDenied
      case 404: .notFound
      case 409: .alreadyExists
      case 412: .failedPrecondition
      case 408, 504: .deadlineExceeded
      case 413, 429, 507: .resourceExhausted
      case 503: .unavailable
      default: .internal
      }
    self.init(
      code, problem.detail.isEmpty ? problem.status.reasonPhrase : problem.detail,
      details: problem.fields.map { .badRequest(field: $0.name, description: $0.detail) })
  }
}

extension HTTPField.Name {
  fileprivate static let grpcTimeout = fixed("grpc-timeout")
  fileprivate static let grpcStatus = fixed("grpc-status")
  fileprivate static let grpcMessage = fixed("grpc-message")
  fileprivate static let grpcStatusDetails = fixed("grpc-status-details-bin")
}
