import Protobuf
import RPC

extension InteropCases {
  /// What the descriptions ask large calls to carry.
  static let largeRequestBytes = 271_828
  static let largeResponseBytes = 314_159

  var largeRequest: TestingAPI.SimpleRequest {
    TestingAPI.SimpleRequest(
      responseType: .compressable, responseSize: Int32(Self.largeResponseBytes),
      payload: TestingAPI.Payload(byteCount: Self.largeRequestBytes))
  }

  package func emptyUnary() async throws {
    _ = try await client.emptyCall(TestingAPI.Empty(), options: options())
  }

  package func largeUnary() async throws {
    let response = try await client.unaryCall(largeRequest, options: options())
    try expect(response.payload, has: Self.largeResponseBytes)
  }

  /// The half that any two peers can check: the answer may be kept, and is a time.
  ///
  /// That a proxy between them keeps it takes a proxy, and calls by GET: an expired draft, which
  /// gRPC's own implementations have removed.
  package func cacheableUnary() async throws {
    let metadata = try Metadata([("x-user-ip", "1.2.3.4")])
    let (response, answer) = try await unaryAnswer(
      TestingAPI.TestServiceMethods.cacheableUnaryCall, TestingAPI.SimpleRequest(),
      options: options(metadata: metadata))
    let directives = answer.metadata[CacheControl.key] ?? ""
    guard directives.contains("max-age=60"), directives.contains("public") else {
      throw InteropFailure("cache-control is '\(directives)'")
    }
    let time = String(decoding: response.payload?.body ?? [], as: UTF8.self)
    guard let nanoseconds = Int64(time), nanoseconds > 0 else {
      throw InteropFailure("the payload is '\(time)', not a time")
    }
  }

  package func unimplementedMethod() async throws {
    try await expectFailure(.unimplemented) {
      _ = try await client.unimplementedCall(TestingAPI.Empty(), options: options())
    }
  }

  package func unimplementedService() async throws {
    let other = TestingAPI.UnimplementedServiceClient(channel: channel)
    try await expectFailure(.unimplemented) {
      _ = try await other.unimplementedCall(TestingAPI.Empty(), options: options())
    }
  }

  /// A unary call with all that its answer brings, which generated clients leave out.
  func unaryAnswer(
    _ method: MethodDescriptor, _ request: TestingAPI.SimpleRequest, options: CallOptions
  ) async throws -> (response: TestingAPI.SimpleResponse, answer: UnaryResponse) {
    var packed = Envelope.messageBuffer()
    request.pack(into: &packed)
    let answer = try await channel.unary(method, request: packed, options: options)
    return (try TestingAPI.SimpleResponse(unpacking: answer.message), answer)
  }
}

extension Metadata {
  /// Text pairs in order.
  init(_ pairs: [(key: String, value: String)]) throws(MetadataError) {
    self.init()
    for (key, value) in pairs { try append(value, forKey: key) }
  }
}
