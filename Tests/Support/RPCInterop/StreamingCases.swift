import RPC

extension InteropCases {
  /// The sizes that the descriptions name.
  static let requestSizes = [27_182, 8, 1_828, 45_904]
  static let responseSizes = [31_415, 9, 2_653, 58_979]

  package func clientStreaming() async throws {
    let response = try await client.streamingInputCall(options: options()) { requests in
      for size in Self.requestSizes {
        try await requests.write(
          TestingAPI.StreamingInputCallRequest(payload: TestingAPI.Payload(byteCount: size)))
      }
    }
    try expect(
      "the aggregated size", Int(response.aggregatedPayloadSize),
      is: Self.requestSizes.reduce(0, +))
  }

  package func serverStreaming() async throws {
    let request = TestingAPI.StreamingOutputCallRequest(
      responseType: .compressable,
      responseParameters: Self.responseSizes.map { .init(size: Int32($0)) })
    try await client.streamingOutputCall(request, options: options()) { responses in
      for size in Self.responseSizes { try await responses.expectNext(has: size) }
      try await responses.expectEnd()
    }
  }

  package func pingPong() async throws {
    try await client.fullDuplexCall(options: options()) { requests, responses in
      for (requestSize, responseSize) in zip(Self.requestSizes, Self.responseSizes) {
        try await requests.write(.init(requestSize, wanting: responseSize))
        try await responses.expectNext(has: responseSize)
      }
      requests.finish()
      try await responses.expectEnd()
    }
  }

  package func emptyStream() async throws {
    try await client.fullDuplexCall(options: options()) { requests, responses in
      requests.finish()
      try await responses.expectEnd()
    }
  }
}

extension TestingAPI.StreamingOutputCallRequest {
  /// Carries `requestSize` bytes and asks for one response of `responseSize`.
  init(_ requestSize: Int, wanting responseSize: Int) {
    self.init(
      responseType: .compressable, responseParameters: [.init(size: Int32(responseSize))],
      payload: TestingAPI.Payload(byteCount: requestSize))
  }
}

extension ResponseStream<TestingAPI.StreamingOutputCallResponse> {
  /// Returns whether the message came compressed.
  @discardableResult
  func expectNext(has byteCount: Int) async throws -> Bool {
    guard let (response, isCompressed) = try await nextReceived() else {
      throw InteropFailure("the stream has ended, but a response of \(byteCount) bytes is missing")
    }
    try expect(response.payload, has: byteCount)
    return isCompressed
  }

  func expectEnd() async throws {
    guard try await next() == nil else { throw InteropFailure("there is a response too many") }
  }
}
