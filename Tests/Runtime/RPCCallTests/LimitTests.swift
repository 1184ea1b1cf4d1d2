import NIOCore
import RPC
import Testing

@Suite(.timeLimit(.minutes(1))) struct LimitTests {
  private static let bytesMax = 64 << 10

  /// Answers a number with as many bytes, and anything else with itself.
  private static let service = CallService([
    "Run": .streaming { requests, responses, _ in
      while let request = try await requests.next() {
        let count = Int(String(buffer: request.bytes))
        try await responses.write(
          count.map { ByteBuffer(repeating: 0, count: $0) } ?? ByteBuffer(string: "taken"),
          isCompressed: request.isCompressed)
      }
    },
    "Unary": .unary { request, _ in
      Int(String(buffer: request)).map { ByteBuffer(repeating: 0, count: $0) } ?? ByteBuffer()
    },
  ])

  @Test(arguments: Transport.allCases, MessageEncoding.allCases)
  func aRequestOverTheLimitEndsTheCall(
    _ transport: Transport, _ encoding: MessageEncoding
  ) async throws {
    try await transport.run(Self.service, messageBytesMax: Self.bytesMax) { channel in
      try await channel.run(encoding: encoding) { stream in
        try await stream.write(ByteBuffer(repeating: 0, count: Self.bytesMax), isCompressed: nil)
        #expect(try await stream.nextText() == "taken")
        let error = await failure {
          try await stream.write(
            ByteBuffer(repeating: 0, count: Self.bytesMax + 1), isCompressed: nil)
          return try await stream.next()
        }
        #expect(error?.code == .resourceExhausted)
      }
    }
  }

  @Test(arguments: Transport.allCases, MessageEncoding.allCases)
  func aResponseOverTheLimitEndsTheCall(
    _ transport: Transport, _ encoding: MessageEncoding
  ) async throws {
    try await transport.run(Self.service, messageBytesMax: Self.bytesMax) { channel in
      try await channel.run(encoding: encoding) { stream in
        try await stream.write("\(Self.bytesMax)")
        #expect(try await stream.next()?.bytes.readableBytes == Self.bytesMax)
        try await stream.write("\(Self.bytesMax + 1)")
        #expect(await failure { try await stream.next() }?.code == .resourceExhausted)
        #expect(await failure { try await stream.next() }?.code == .resourceExhausted)
        #expect(await failure { try await stream.write("1") }?.code == .resourceExhausted)
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func unaryMessagesHaveTheSameLimit(_ transport: Transport) async throws {
    try await transport.run(Self.service, messageBytesMax: Self.bytesMax) { channel in
      func code(_ request: ByteBuffer) async -> RPCError.Code? {
        await failure {
          try await channel.unary(
            CallService.method("Unary"), request: request, options: CallOptions())
        }?.code
      }
      #expect(await code(ByteBuffer(repeating: 0, count: Self.bytesMax)) == nil)
      #expect(
        await code(ByteBuffer(repeating: 0, count: Self.bytesMax + 1)) == .resourceExhausted)
      #expect(await code(ByteBuffer(string: "\(Self.bytesMax)")) == nil)
      #expect(await code(ByteBuffer(string: "\(Self.bytesMax + 1)")) == .resourceExhausted)
    }
  }
}
