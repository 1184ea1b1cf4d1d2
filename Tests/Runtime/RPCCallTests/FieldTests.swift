import NIOCore
import RPC
import Testing

/// Metadata both ways, statuses, details.
@Suite(.timeLimit(.minutes(1))) struct FieldTests {
  private static let bytes: [UInt8] = [0, 255, 10, 13, 0x2C, 0x80]

  private func pairs(_ prefix: String) throws -> Metadata {
    var metadata = Metadata()
    try metadata.append("first", forKey: "\(prefix)-word")
    try metadata.append("second", forKey: "\(prefix)-word")
    try metadata.append(Self.bytes, forKey: "\(prefix)-bytes-bin")
    return metadata
  }

  private func expectPairs(_ prefix: String, in metadata: Metadata) {
    let entries = metadata.entries
    #expect(
      entries.filter { $0.key == "\(prefix)-word" }.map(\.value) == [
        .ascii("first"), .ascii("second"),
      ])
    #expect(
      entries.filter { $0.key == "\(prefix)-bytes-bin" }.map(\.value) == [.binary(Self.bytes)])
  }

  @Test(arguments: Transport.allCases)
  func metadataTravelsBothWays(_ transport: Transport) async throws {
    let (initial, trailing) = (try pairs("initial"), try pairs("trailing"))
    let service = CallService { requests, responses, context in
      expectPairs("request", in: context.metadata)
      context.response.initial = initial
      while let request = try await requests.next() {
        try await responses.write(request.bytes, isCompressed: nil)
      }
      context.response.trailing = trailing
    }
    try await transport.run(service) { channel in
      try await channel.run(metadata: try pairs("request")) { stream in
        try await stream.write("a")
        expectPairs("initial", in: try await stream.initialMetadata())
        #expect(try await stream.nextText() == "a")
        #expect(stream.trailers.isEmpty)
        stream.finish()
        #expect(try await stream.next() == nil)
        expectPairs("trailing", in: stream.trailers)
        #expect(stream.trailers["initial-word"] == nil)
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func initialMetadataMayComeBeforeAnyMessage(_ transport: Transport) async throws {
    let initial = try pairs("initial")
    let service = CallService { requests, responses, context in
      context.response.initial = initial
      try await responses.sendMetadata()
      // Too late.
      context.response.initial = Metadata()
      while let request = try await requests.next() {
        try await responses.write(request.bytes, isCompressed: nil)
      }
    }
    try await transport.run(service) { channel in
      try await channel.run { stream in
        expectPairs("initial", in: try await stream.initialMetadata())
        try await stream.write("a")
        #expect(try await stream.nextText() == "a")
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func anEmptyAnswerHasItsMetadata(_ transport: Transport) async throws {
    let (initial, trailing) = (try pairs("initial"), try pairs("trailing"))
    let service = CallService { _, _, context in
      context.response.initial = initial
      context.response.trailing = trailing
    }
    try await transport.run(service) { channel in
      try await channel.run { stream in
        expectPairs("initial", in: try await stream.initialMetadata())
        #expect(try await stream.next() == nil)
        expectPairs("trailing", in: stream.trailers)
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func aFailureBringsItsStatusDetailsAndMetadata(_ transport: Transport) async throws {
    let (trailing, own) = (try pairs("trailing"), try pairs("own"))
    let details: [ErrorDetail] = [
      .badRequest(field: "name", description: "is empty"), .retryInfo(delay: .seconds(3)),
      .errorInfo(reason: "NO_NAME", domain: "test"),
    ]
    let service = CallService { _, responses, context in
      context.response.trailing = trailing
      try await responses.write("before")
      throw RPCError(
        .failedPrecondition, "a % sign,\tümlauts\r\nand ☂", details: details, metadata: own,
        detail: "for the operator")
    }
    try await transport.run(service) { channel in
      try await channel.run { (stream) async throws in
        #expect(try await stream.nextText() == "before")
        let error = await failure { try await stream.next() }
        #expect(error?.code == .failedPrecondition)
        #expect(error?.message == "a % sign,\tümlauts\r\nand ☂")
        #expect(error?.details == details)
        #expect(error?.detail?.contains("for the operator") != true)
        for metadata in [error?.metadata ?? Metadata(), stream.trailers] {
          expectPairs("trailing", in: metadata)
          expectPairs("own", in: metadata)
        }
        // The status stays what it is.
        #expect(await failure { try await stream.next() }?.code == .failedPrecondition)
        #expect(await failure { try await stream.write("late") }?.code == .failedPrecondition)
      }
    }
  }

  /// Header fields only: what the handler wanted to send first comes with the status.
  @Test(arguments: Transport.allCases)
  func aFailureWithoutAMessageBringsAllMetadata(_ transport: Transport) async throws {
    let (initial, trailing) = (try pairs("initial"), try pairs("trailing"))
    let service = CallService { _, _, context in
      context.response.initial = initial
      context.response.trailing = trailing
      throw RPCError(.aborted, "no")
    }
    try await transport.run(service) { channel in
      try await channel.run { stream in
        let error = try #require(await failure { try await stream.next() })
        #expect(error.code == .aborted)
        expectPairs("initial", in: error.metadata)
        expectPairs("trailing", in: error.metadata)
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func aUnaryFailureBringsItsMetadata(_ transport: Transport) async throws {
    let (trailing, own) = (try pairs("trailing"), try pairs("own"))
    let service = CallService([
      "Run": .unary { _, context in
        context.response.trailing = trailing
        throw RPCError(.aborted, "no", details: [.retryInfo(delay: .seconds(1))], metadata: own)
      }
    ])
    try await transport.run(service) { channel in
      let error = try #require(
        await failure {
          try await channel.unary(
            CallService.method("Run"), request: ByteBuffer(), options: CallOptions())
        })
      #expect(error.code == .aborted)
      #expect(error.details == [.retryInfo(delay: .seconds(1))])
      expectPairs("trailing", in: error.metadata)
      expectPairs("own", in: error.metadata)
    }
  }

  @Test(arguments: Transport.allCases)
  func everyCodeArrives(_ transport: Transport) async throws {
    let service = CallService { requests, _, _ in
      let number = Int(try await requests.nextText() ?? "") ?? 0
      throw RPCError(RPCError.Code(rawValue: number) ?? .ok, "code \(number)")
    }
    try await transport.run(service) { channel in
      for code in RPCError.Code.allCases where code != .ok {
        let error = await failure {
          try await channel.run { stream in
            try await stream.write("\(code.rawValue)")
            return try await stream.next()
          }
        }
        #expect(error?.code == code)
        #expect(error?.message == "code \(code.rawValue)")
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func aSurpriseTellsTheClientNothing(_ transport: Transport) async throws {
    struct Surprise: Error {}
    let service = CallService { _, _, _ in throw Surprise() }
    try await transport.run(service) { channel in
      let error = await failure { try await channel.run { try await $0.next() } }
      #expect(error?.code == .internal)
      #expect(error?.message == "internal error")
    }
  }

  @Test(arguments: Transport.allCases)
  func unknownMethodsAndServicesAreUnimplemented(_ transport: Transport) async throws {
    try await transport.run(.echo) { channel in
      let strangers = [
        CallService.method("Missing"),
        MethodDescriptor(service: "test.Missing", method: "Run", shape: .serverStreaming),
      ]
      for method in strangers {
        let error = await failure {
          try await channel.stream(method, options: CallOptions()) { try await $0.next() }
        }
        #expect(error?.code == .unimplemented)
      }
    }
  }
}
