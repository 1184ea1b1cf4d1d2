import NIOCore
import Protobuf
import RPC
import RPCInProcess
import RPCServices
import ServiceAPI
import Testing

@Suite struct ReflectionServiceTests {
  private typealias Request = ReflectionAPI.ServerReflectionRequest
  private typealias Response = ReflectionAPI.ServerReflectionResponse

  /// A service as the router sees it, that nobody calls.
  private struct Described: RPCService {
    var methodHandlers: [MethodHandler] = []
    var fileDescriptor: ProtoFileDescriptor?
  }

  private static let vault = Described(
    methodHandlers: VaultAPI.VaultMethods.all.map { method in
      MethodHandler(method, .unary { request, _ in request })
    }, fileDescriptor: .chatelaineVaultV1Vault)

  private static let channel = InProcessChannel(
    services: ReflectionService.allVersions(describing: [vault, HealthService()]))

  /// Of two methods of the vault, which is elsewhere.
  private static let partly = InProcessChannel(
    services: ReflectionService.allVersions(
      describing: [
        VaultAPI.VaultMethods.getProviderConfig, VaultAPI.VaultMethods.createProviderConfig,
      ],
      files: [.chatelaineVaultV1Vault, .chatelaineAuditV1Audit]))

  /// The answers to `questions`, which go over one stream.
  private static func ask(
    of channel: InProcessChannel = channel, _ questions: Request.MessageRequest?...
  ) async throws -> [Response.MessageResponse?] {
    try await ReflectionAPI.ServerReflectionClient(channel: channel).serverReflectionInfo {
      requests, responses in
      var answers: [Response.MessageResponse?] = []
      for question in questions {
        let request = Request(host: "here", messageRequest: question)
        try await requests.write(request)
        let response = try #require(try await responses.next())
        #expect(response.validHost == "here")
        #expect(response.originalRequest == request)
        answers.append(response.messageResponse)
      }
      requests.finish()
      #expect(try await responses.next() == nil)
      return answers
    }
  }

  private static func files(_ files: [ProtoFileDescriptor]) -> Response.MessageResponse {
    .fileDescriptorResponse(
      ReflectionAPI.FileDescriptorResponse(fileDescriptorProto: files.map { $0.packed() }))
  }

  private static let vaultFiles = files([
    .chatelaineVaultV1Vault, .googleApiAnnotations, .googleProtobufDuration,
    .googleProtobufEmpty, .googleProtobufTimestamp, .googleApiHttp, .googleProtobufDescriptor,
  ])

  private static func isNotFound(_ answer: Response.MessageResponse?) -> Bool {
    guard case .errorResponse(let error) = answer else { return false }
    return error.errorCode == Int32(RPCError.Code.notFound.rawValue)
  }

  @Test func allServicesAreListedByName() async throws {
    let answers = try await Self.ask(.listServices(""))
    let names = [
      "chatelaine.vault.v1.Vault", "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
    ]
    #expect(
      answers == [
        .listServicesResponse(
          ReflectionAPI.ListServiceResponse(
            service: names.map { ReflectionAPI.ServiceResponse(name: $0) }))
      ])
  }

  @Test func aFileComesWithEverythingThatItImports() async throws {
    let answers = try await Self.ask(
      .fileByFilename("chatelaine/vault/v1/vault.proto"),
      .fileByFilename("grpc/health/v1/health.proto"), .fileByFilename("google/api/http.proto"))
    #expect(
      answers == [
        Self.vaultFiles, Self.files([.grpcHealthV1Health]), Self.files([.googleApiHttp]),
      ])
  }

  @Test(arguments: [
    "chatelaine.vault.v1.Vault", "chatelaine.vault.v1.Vault.GetProviderConfig",
    "chatelaine.vault.v1.ProviderConfig", "chatelaine.vault.v1.ProviderConfig.masked_key",
    "chatelaine.vault.v1.ImportProviderConfigResponse.Outcome",
    "chatelaine.vault.v1.ImportProviderConfigResponse.IMPORTED",
    "chatelaine.vault.v1.ProviderConfig._base_url",
  ])
  func everySymbolIsFoundInItsFile(_ symbol: String) async throws {
    #expect(try await Self.ask(.fileContainingSymbol(symbol)) == [Self.vaultFiles])
  }

  /// Their names alone would tell strangers what services say to each other.
  @Test func methodsThatAreNotPassedOnAreNotShown() async throws {
    let answers = try await Self.ask(
      of: Self.partly, .fileContainingSymbol("chatelaine.vault.v1.Vault"),
      .fileContainingSymbol("chatelaine.vault.v1.Vault.ResolveCredential"),
      .fileContainingSymbol("chatelaine.audit.v1.Audit"),
      .fileContainingSymbol("grpc.reflection.v1.ServerReflection.ServerReflectionInfo"))
    guard case .fileDescriptorResponse(let files) = answers[0],
      let vault = files.fileDescriptorProto.first
    else {
      Issue.record("\(answers)")
      return
    }
    let text = String(decoding: vault, as: UTF8.self)
    for shown in ["GetProviderConfig", "CreateProviderConfig", "/api/v1/provider-configs/{id}"] {
      #expect(text.contains(shown))
    }
    for kept in ["DeleteProviderConfig\u{12}", "ResolveCredential\u{12}"] {
      #expect(!text.contains(kept))
      let whole = ProtoFileDescriptor.chatelaineVaultV1Vault.packed()
      #expect(String(decoding: whole, as: UTF8.self).contains(kept))
    }
    #expect(Self.isNotFound(answers[1]))
    #expect(Self.isNotFound(answers[2]))
    #expect(!Self.isNotFound(answers[3]))
  }

  @Test func extensionsAreFoundByTheirNumberAndName() async throws {
    let options = "google.protobuf.MethodOptions"
    let answers = try await Self.ask(
      .allExtensionNumbersOfType(options),
      .allExtensionNumbersOfType("chatelaine.vault.v1.ProviderConfig"),
      .fileContainingExtension(
        ReflectionAPI.ExtensionRequest(containingType: options, extensionNumber: 72_295_728)),
      .fileContainingSymbol("google.api.http"))
    let file = Self.files([.googleApiAnnotations, .googleApiHttp, .googleProtobufDescriptor])
    #expect(
      answers == [
        .allExtensionNumbersResponse(
          ReflectionAPI.ExtensionNumberResponse(
            baseTypeName: options, extensionNumber: [72_295_728])),
        .allExtensionNumbersResponse(
          ReflectionAPI.ExtensionNumberResponse(
            baseTypeName: "chatelaine.vault.v1.ProviderConfig")),
        file, file,
      ])
  }

  @Test(arguments: [
    "", ".", "chatelaine.vault.v1", "chatelaine.vault.v1.Vault.", "Vault", "\0", "../etc/passwd",
    "chatelaine.audit.v1.Audit", String(repeating: "a.", count: 50_000),
  ])
  func whatIsUnknownIsNotFoundAndTheStreamGoesOn(_ name: String) async throws {
    let answers = try await Self.ask(
      .fileByFilename(name), .fileContainingSymbol(name), .allExtensionNumbersOfType(name),
      .fileContainingExtension(
        ReflectionAPI.ExtensionRequest(containingType: name, extensionNumber: .min)),
      .fileContainingExtension(
        ReflectionAPI.ExtensionRequest(
          containingType: "google.protobuf.MethodOptions", extensionNumber: -1)),
      .fileContainingSymbol("grpc.health.v1.Health"))
    for answer in answers.dropLast() { #expect(Self.isNotFound(answer)) }
    #expect(answers.last == Self.files([.grpcHealthV1Health]))
  }

  @Test func aRequestForNothingIsInvalid() async throws {
    guard case .errorResponse(let error) = try await Self.ask(nil).first else {
      Issue.record("no error")
      return
    }
    #expect(error.errorCode == Int32(RPCError.Code.invalidArgument.rawValue))
  }

  @Test func malformedBytesEndTheCall() async throws {
    let failure = await #expect(throws: RPCError.self) {
      try await Self.channel.stream(
        ReflectionAPI.ServerReflectionMethods.serverReflectionInfo, options: CallOptions()
      ) { stream in
        try await stream.write(ByteBuffer(bytes: [0x1A, 0xFF]), isCompressed: nil)
        _ = try await stream.next()
      }
    }
    #expect(failure?.code == .invalidArgument)
  }

  @Test func theOldVersionAnswersTheSame() async throws {
    typealias Old = ReflectionV1alphaAPI
    let request = Old.ServerReflectionRequest(
      host: "here", messageRequest: .fileContainingSymbol("chatelaine.vault.v1.Vault"))
    let client = Old.ServerReflectionClient(channel: Self.channel)
    let response = try await client.serverReflectionInfo { requests, responses in
      try await requests.write(request)
      requests.finish()
      return try #require(try await responses.next())
    }
    #expect(response.originalRequest == request)
    guard case .fileDescriptorResponse(let files) = response.messageResponse else {
      Issue.record("no files")
      return
    }
    #expect(files.fileDescriptorProto.first == ProtoFileDescriptor.chatelaineVaultV1Vault.packed())
    #expect(files.fileDescriptorProto.count == 7)
  }
}
