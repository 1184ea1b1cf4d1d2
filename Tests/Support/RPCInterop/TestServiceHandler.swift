import Foundation
import RPC

/// Answers as requests ask: how large, how soon, compressed or not, with which status.
struct TestServiceHandler: TestingAPI.TestServiceProtocol {
  /// A request may ask for 2 GiB; a server that anyone can reach gives no more than this.
  private static let payloadBytesMax = 32 << 20
  /// What a half-duplex call may ask for before it is served.
  private static let bufferedParametersMax = 1024

  let serverID: String

  // MARK: Unary

  func emptyCall(
    _ request: TestingAPI.Empty, context: ServerContext
  ) async throws -> TestingAPI.Empty {
    try context.echoMetadata()
    return TestingAPI.Empty()
  }

  func unaryCall(
    _ request: TestingAPI.SimpleRequest, context: ServerContext
  ) async throws -> TestingAPI.SimpleResponse {
    try context.echoMetadata()
    try checkCompression(request.expectCompressed, isCompressed: context.isRequestCompressed)
    try request.responseStatus.throwIfFailure()
    context.response.isCompressed = request.responseCompressed?.value ?? false
    return TestingAPI.SimpleResponse(
      payload: try payload(request.responseSize),
      username: request.fillUsername ? context.peer.identities.first ?? "" : "",
      serverId: request.fillServerId ? serverID : "")
  }

  /// A caching proxy between the two would be seen by its client through an old time.
  func cacheableUnaryCall(
    _ request: TestingAPI.SimpleRequest, context: ServerContext
  ) async throws -> TestingAPI.SimpleResponse {
    try context.echoMetadata()
    try context.response.initial.append(CacheControl.value, forKey: CacheControl.key)
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let nanoseconds = Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    return TestingAPI.SimpleResponse(
      payload: TestingAPI.Payload(body: Array(String(nanoseconds).utf8)))
  }

  func unimplementedCall(
    _ request: TestingAPI.Empty, context: ServerContext
  ) async throws -> TestingAPI.Empty {
    throw RPCError(.unimplemented, "\(context.method.path) is not to be implemented")
  }

  // MARK: Streaming

  func streamingInputCall(
    _ requests: RequestStream<TestingAPI.StreamingInputCallRequest>, context: ServerContext
  ) async throws -> TestingAPI.StreamingInputCallResponse {
    try context.echoMetadata()
    var byteCount = 0
    while let (request, isCompressed) = try await requests.nextReceived() {
      try checkCompression(request.expectCompressed, isCompressed: isCompressed)
      byteCount += request.payload?.body.count ?? 0
    }
    return TestingAPI.StreamingInputCallResponse(aggregatedPayloadSize: Int32(clamping: byteCount))
  }

  func streamingOutputCall(
    _ request: TestingAPI.StreamingOutputCallRequest,
    to responses: ResponseWriter<TestingAPI.StreamingOutputCallResponse>, context: ServerContext
  ) async throws {
    try context.echoMetadata()
    try request.responseStatus.throwIfFailure()
    try await serve(request.responseParameters, to: responses)
  }

  func fullDuplexCall(
    _ requests: RequestStream<TestingAPI.StreamingOutputCallRequest>,
    to responses: ResponseWriter<TestingAPI.StreamingOutputCallResponse>, context: ServerContext
  ) async throws {
    try context.echoMetadata()
    while let request = try await requests.next() {
      try request.responseStatus.throwIfFailure()
      try await serve(request.responseParameters, to: responses)
    }
  }

  func halfDuplexCall(
    _ requests: RequestStream<TestingAPI.StreamingOutputCallRequest>,
    to responses: ResponseWriter<TestingAPI.StreamingOutputCallResponse>, context: ServerContext
  ) async throws {
    try context.echoMetadata()
    var parameters: [TestingAPI.ResponseParameters] = []
    while let request = try await requests.next() {
      try request.responseStatus.throwIfFailure()
      parameters += request.responseParameters
      guard parameters.count <= Self.bufferedParametersMax else {
        throw RPCError(
          .resourceExhausted, "at most \(Self.bufferedParametersMax) responses are kept in mind")
      }
    }
    try await serve(parameters, to: responses)
  }

  // MARK: Parts

  private func serve(
    _ parameters: [TestingAPI.ResponseParameters],
    to responses: ResponseWriter<TestingAPI.StreamingOutputCallResponse>
  ) async throws {
    for wanted in parameters {
      // The interval is what clients ask for; a cancelled call ends the wait at once.
      if wanted.intervalUs > 0 {
        try await Task.sleep(for: .microseconds(Int64(wanted.intervalUs)))
      }
      try await responses.write(
        TestingAPI.StreamingOutputCallResponse(payload: try payload(wanted.size)),
        isCompressed: wanted.compressed?.value ?? false)
    }
  }

  private func payload(_ byteCount: Int32) throws(RPCError) -> TestingAPI.Payload {
    guard (0...Self.payloadBytesMax).contains(Int(byteCount)) else {
      throw RPCError(
        .invalidArgument, "a payload has 0 to \(Self.payloadBytesMax) bytes, not \(byteCount)")
    }
    return TestingAPI.Payload(body: [UInt8](repeating: 0, count: Int(byteCount)))
  }

  private func checkCompression(
    _ expected: TestingAPI.BoolValue?, isCompressed: Bool
  ) throws(RPCError) {
    guard let expected, expected.value != isCompressed else { return }
    throw RPCError(
      .invalidArgument,
      isCompressed ? "the request should not be compressed" : "the request should be compressed")
  }
}

extension TestingAPI.EchoStatus? {
  /// Ends the call with the status that the client has asked for.
  fileprivate func throwIfFailure() throws(RPCError) {
    guard let self, self.code != 0 else { return }
    throw RPCError(RPCError.Code(rawValue: Int(self.code)) ?? .unknown, self.message)
  }
}

extension ServerContext {
  /// Sends back the two keys that the descriptions name, with every value that came.
  fileprivate func echoMetadata() throws(MetadataError) {
    for entry in metadata.entries {
      switch (entry.key, entry.value) {
      case (EchoedMetadata.initialKey, .ascii(let value)):
        try response.initial.append(value, forKey: entry.key)
      case (EchoedMetadata.trailingKey, .binary(let value)):
        try response.trailing.append(value, forKey: entry.key)
      default: break
      }
    }
  }
}
