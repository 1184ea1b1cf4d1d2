import RPCCodeGen
import Testing

/// What a service of all four call shapes becomes.
@Suite struct ServiceShapeTests {
  private typealias Make = DescriptorBuilder

  private static func content(service: String = "Things", _ methods: [UInt8]...) throws -> String {
    let response = PluginResponse(
      Generator.respond(
        to: Make.request([
          Make.file(
            "a.proto", Make.message("Ask"), Make.message("Answer"),
            Make.service(service, methods.flatMap { $0 }))
        ])))
    #expect(response.error == nil)
    return try #require(response.files.first?.content)
  }

  /// A method whose requests or responses are a stream.
  private static func method(_ name: String, client: Bool, server: Bool) -> [UInt8] {
    Make.method(
      name, from: ".chatelaine.test.v1.Ask", to: ".chatelaine.test.v1.Answer",
      Make.varint(5, client ? 1 : 0) + Make.varint(6, server ? 1 : 0))
  }

  private static func expect(_ content: String, contains parts: String...) {
    for part in parts { #expect(content.contains(part), "\(part)") }
  }

  @Test func aUnaryMethodTakesAndReturnsAMessage() throws {
    Self.expect(
      try Self.content(Self.method("GetThing", client: false, server: false)),
      contains: "shape: .unary", "_ request: TestAPI.Ask, context: ServerContext\n",
      ".unary { request, context in\n          let request = try TestAPI.Ask(request: request)\n",
      "return try await self.getThing(request, context: context).enveloped()\n        }),",
      ") async throws(RPCError) -> TestAPI.Answer {", "ThingsMethods.getThing, request, options:")
  }

  @Test func aClientStreamIsReadByTheServiceAndWrittenByAClosure() throws {
    Self.expect(
      try Self.content(Self.method("Collect", client: true, server: false)),
      contains: "shape: .clientStreaming",
      "_ requests: RequestStream<TestAPI.Ask>, context: ServerContext\n",
      ".clientStreaming(\n", "self.collect(requests, context: context)",
      "_ send: (RequestWriter<TestAPI.Ask>) async throws -> Void\n",
      "ThingsMethods.collect, TestAPI.Ask.self, as: TestAPI.Answer.self,")
  }

  @Test func aServerStreamIsWrittenByTheServiceAndReadByAClosure() throws {
    Self.expect(
      try Self.content(Self.method("Watch", client: false, server: true)),
      contains: "shape: .serverStreaming",
      "_ request: TestAPI.Ask, to responses: ResponseWriter<TestAPI.Answer>,\n",
      ".serverStreaming(\n", "self.watch(request, to: responses, context: context)",
      "_ receive: (ResponseStream<TestAPI.Answer>) async throws -> Outcome\n",
      "ThingsMethods.watch, request, as: TestAPI.Answer.self,")
  }

  @Test func aBidirectionalStreamIsBoth() throws {
    Self.expect(
      try Self.content(Self.method("Talk", client: true, server: true)),
      contains: "shape: .bidirectionalStreaming",
      "_ requests: RequestStream<TestAPI.Ask>,\n",
      "to responses: ResponseWriter<TestAPI.Answer>, context: ServerContext\n",
      ".bidirectionalStreaming(\n", "self.talk(requests, to: responses, context: context)",
      "RequestWriter<TestAPI.Ask>, ResponseStream<TestAPI.Answer>\n",
      "ThingsMethods.talk, TestAPI.Ask.self, as: TestAPI.Answer.self,")
  }

  @Test func aServiceWithoutMethodsIsOneToo() throws {
    Self.expect(
      try Self.content(),
      contains: "package protocol ThingsServiceProtocol: RPCService",
      "package static let all: [MethodDescriptor] = [")
  }

  @Test func theWordServiceIsNotRepeated() throws {
    let content = try Self.content(
      service: "ThingService", Self.method("Get", client: false, server: false))
    Self.expect(content, contains: "package protocol ThingServiceProtocol: RPCService")
    #expect(!content.contains("ServiceService"))
  }
}
