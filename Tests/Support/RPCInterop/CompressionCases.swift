import RPC

/// The server looks at how messages come, the client too: both ends know what was compressed.
extension InteropCases {
  package func clientCompressedUnary() async throws {
    var request = largeRequest
    request.expectCompressed = .init(value: true)
    // First a lie, to see whether the server looks at all.
    try await expectFailure(.invalidArgument) {
      _ = try await client.unaryCall(request, options: options())
    }
    let compressed = try await client.unaryCall(request, options: options(encoding: .gzip))
    try expect(compressed.payload, has: Self.largeResponseBytes)

    request.expectCompressed = .init(value: false)
    let plain = try await client.unaryCall(request, options: options())
    try expect(plain.payload, has: Self.largeResponseBytes)
  }

  package func serverCompressedUnary() async throws {
    for wanted in [true, false] {
      var request = largeRequest
      request.responseCompressed = .init(value: wanted)
      let (response, answer) = try await unaryAnswer(
        TestingAPI.TestServiceMethods.unaryCall, request, options: options())
      try expect("that the answer is compressed", answer.isCompressed, is: wanted)
      try expect(response.payload, has: Self.largeResponseBytes)
    }
  }

  package func clientCompressedStreaming() async throws {
    let first = TestingAPI.StreamingInputCallRequest(
      payload: TestingAPI.Payload(byteCount: 27_182), expectCompressed: .init(value: true))
    let second = TestingAPI.StreamingInputCallRequest(
      payload: TestingAPI.Payload(byteCount: 45_904), expectCompressed: .init(value: false))
    try await expectFailure(.invalidArgument) {
      _ = try await client.streamingInputCall(options: options()) { requests in
        try await requests.write(first)
      }
    }
    let response = try await client.streamingInputCall(
      options: options(encoding: .gzip)
    ) { requests in
      try await requests.write(first, isCompressed: true)
      try await requests.write(second, isCompressed: false)
    }
    try expect("the aggregated size", response.aggregatedPayloadSize, is: 73_086)
  }

  package func serverCompressedStreaming() async throws {
    let wanted = [(isCompressed: true, size: 31_415), (isCompressed: false, size: 92_653)]
    let request = TestingAPI.StreamingOutputCallRequest(
      responseParameters: wanted.map {
        .init(size: Int32($0.size), compressed: .init(value: $0.isCompressed))
      })
    try await client.streamingOutputCall(request, options: options()) { responses in
      for (isCompressed, size) in wanted {
        let came = try await responses.expectNext(has: size)
        try expect("that the response of \(size) bytes is compressed", came, is: isCompressed)
      }
      try await responses.expectEnd()
    }
  }
}
