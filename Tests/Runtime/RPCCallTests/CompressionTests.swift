import NIOCore
import RPC
import Testing

@Suite(.timeLimit(.minutes(1))) struct CompressionTests {
  /// Says of every request whether it came compressed, and answers with that choice.
  private static let witness = CallService([
    "Run": .streaming { requests, responses, context in
      context.response.isCompressed = context.metadata["compress"] != nil
      while let request = try await requests.next() {
        try await responses.write(ByteBuffer(string: "\(request.isCompressed)"), isCompressed: nil)
        try await responses.write(request.bytes, isCompressed: false)
      }
    },
    "Unary": .unary { request, context in
      context.response.isCompressed = context.isRequestCompressed
      return request
    },
  ])

  private static let text = ByteBuffer(string: String(repeating: "gzip likes this. ", count: 1000))

  @Test(arguments: Transport.allCases)
  func requestsAreCompressedWhenTheCallSaysSo(_ transport: Transport) async throws {
    try await transport.run(Self.witness) { channel in
      for (encoding, choice, expected) in [
        (MessageEncoding.gzip, Bool?.none, "true"), (.gzip, true, "true"), (.gzip, false, "false"),
        (.identity, nil, "false"), (.identity, true, "false"),
      ] {
        try await channel.run(encoding: encoding) { stream in
          try await stream.write(Self.text, isCompressed: choice)
          #expect(try await stream.nextText() == expected)
          #expect(try await stream.next()?.bytes == Self.text)
        }
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func responsesAreCompressedWhenTheHandlerSaysSo(_ transport: Transport) async throws {
    try await transport.run(Self.witness) { channel in
      for isCompressed in [true, false] {
        var metadata = Metadata()
        if isCompressed { try metadata.append("yes", forKey: "compress") }
        try await channel.run(metadata: metadata) { stream in
          try await stream.write(Self.text, isCompressed: nil)
          #expect(try await stream.next()?.isCompressed == isCompressed)
          #expect(try await stream.next()?.isCompressed == false)
        }
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func unaryCallsAreCompressedBothWays(_ transport: Transport) async throws {
    try await transport.run(Self.witness) { channel in
      for encoding in MessageEncoding.allCases {
        let answer = try await channel.unary(
          CallService.method("Unary"), request: Self.text,
          options: CallOptions(encoding: encoding))
        #expect(answer.message == Self.text)
        #expect(answer.isCompressed == (encoding == .gzip))
      }
    }
  }
}
