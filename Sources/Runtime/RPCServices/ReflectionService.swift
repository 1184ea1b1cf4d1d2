package import Protobuf
package import RPC

/// `grpc.reflection`: lets tools list and call what this server has without its `.proto` files.
///
/// Both versions have the same messages on the wire, so one service answers either.
package struct ReflectionService: RPCService {
  private typealias Request = ReflectionAPI.ServerReflectionRequest
  private typealias Response = ReflectionAPI.ServerReflectionResponse

  private let version: ReflectionVersion
  private let catalogue: ReflectionCatalogue

  /// One service per version of the protocol, all describing `services` and themselves.
  package static func allVersions(describing services: [any RPCService]) -> [any RPCService] {
    allVersions(
      services.flatMap { $0.methodHandlers.map(\.descriptor.service) },
      files: services.compactMap(\.fileDescriptor), methods: nil)
  }

  /// The same for methods of services elsewhere, and the files that declare them: no other method
  /// of these files is shown, and no service that has none of the methods.
  package static func allVersions(
    describing methods: [MethodDescriptor], files: [ProtoFileDescriptor]
  ) -> [any RPCService] {
    allVersions(methods.map(\.service), files: files, methods: methods)
  }

  private static func allVersions(
    _ services: [String], files: [ProtoFileDescriptor], methods: [MethodDescriptor]?
  ) -> [any RPCService] {
    let versions = ReflectionVersion.allCases
    let shown = methods.map { methods in
      Set((methods + versions.map(\.method)).map { "\($0.service).\($0.method)" })
    }
    let catalogue = ReflectionCatalogue(
      services: services + versions.map(\.method.service), files: files + versions.map(\.file),
      methods: shown)
    return versions.map { ReflectionService(version: $0, catalogue: catalogue) }
  }

  /// What the versions of the protocol are called with.
  package static var methods: [MethodDescriptor] { ReflectionVersion.allCases.map(\.method) }

  private init(version: ReflectionVersion, catalogue: ReflectionCatalogue) {
    self.version = version
    self.catalogue = catalogue
  }

  package var methodHandlers: [MethodHandler] {
    [
      .bidirectionalStreaming(
        version.method, Request.self, Response.self
      ) { [catalogue] requests, responses, _ in
        while let request = try await requests.next() {
          try await responses.write(Self.answer(request, from: catalogue))
        }
      }
    ]
  }

  package var fileDescriptor: ProtoFileDescriptor? { version.file }

  private static func answer(
    _ request: Request, from catalogue: ReflectionCatalogue
  ) -> Response {
    Response(
      validHost: request.host, originalRequest: request,
      messageResponse: response(to: request.messageRequest, from: catalogue))
  }

  private static func response(
    to request: Request.MessageRequest?, from catalogue: ReflectionCatalogue
  ) -> Response.MessageResponse {
    switch request {
    case .listServices:
      .listServicesResponse(
        ReflectionAPI.ListServiceResponse(
          service: catalogue.services.map { ReflectionAPI.ServiceResponse(name: $0) }))
    case .fileByFilename(let name):
      files(catalogue.files(named: name), otherwise: "no file has that name")
    case .fileContainingSymbol(let symbol):
      files(catalogue.files(declaring: symbol), otherwise: "no file declares that symbol")
    case .fileContainingExtension(let wanted):
      files(
        catalogue.files(extending: wanted.containingType, with: wanted.extensionNumber),
        otherwise: "no file has that extension")
    case .allExtensionNumbersOfType(let type):
      if let numbers = catalogue.extensionNumbers(of: type) {
        .allExtensionNumbersResponse(
          ReflectionAPI.ExtensionNumberResponse(baseTypeName: type, extensionNumber: numbers))
      } else {
        failure(.notFound, "no file declares that message")
      }
    case nil:
      failure(.invalidArgument, "the request asks for nothing that is known")
    }
  }

  private static func files(
    _ files: [[UInt8]]?, otherwise message: String
  ) -> Response.MessageResponse {
    guard let files else { return failure(.notFound, message) }
    return .fileDescriptorResponse(
      ReflectionAPI.FileDescriptorResponse(fileDescriptorProto: files))
  }

  private static func failure(
    _ code: RPCError.Code, _ message: String
  ) -> Response.MessageResponse {
    .errorResponse(
      ReflectionAPI.ErrorResponse(errorCode: Int32(code.rawValue), errorMessage: message))
  }
}

/// The versions of the protocol that tools speak: old ones know only the second.
enum ReflectionVersion: CaseIterable {
  case v1
  case v1alpha

  var method: MethodDescriptor {
    switch self {
    case .v1: ReflectionAPI.ServerReflectionMethods.serverReflectionInfo
    case .v1alpha: ReflectionV1alphaAPI.ServerReflectionMethods.serverReflectionInfo
    }
  }

  var file: ProtoFileDescriptor {
    switch self {
    case .v1: .grpcReflectionV1Reflection
    case .v1alpha: .grpcReflectionV1alphaReflection
    }
  }
}
