import NIOCore
import RPC
import Testing

@Suite(.timeLimit(.minutes(1))) struct ShapeTests {
  @Test(arguments: Transport.allCases)
  func aUnaryCallGivesOneMessageForOne(_ transport: Transport) async throws {
    let service = CallService([
      "Run": .unary { request, _ in ByteBuffer(string: "got " + String(buffer: request)) }
    ])
    try await transport.run(service) { channel in
      let answer = try await channel.unary(
        CallService.method("Run"), request: ByteBuffer(string: "this"), options: CallOptions())
      #expect(String(buffer: answer.message) == "got this")
    }
  }

  @Test(arguments: Transport.allCases)
  func aClientStreamIsReadToItsEndBeforeTheAnswer(_ transport: Transport) async throws {
    let service = CallService { requests, responses, _ in
      try await responses.write(try await requests.texts().joined(separator: "+"))
    }
    try await transport.run(service) { channel in
      let answers = try await channel.run { stream in
        for word in ["one", "two", "three"] { try await stream.write(word) }
        stream.finish()
        return try await stream.texts()
      }
      #expect(answers == ["one+two+three"])
    }
  }

  @Test(arguments: Transport.allCases)
  func aServerStreamKeepsItsOrder(_ transport: Transport) async throws {
    let service = CallService { requests, responses, _ in
      let count = Int(try await requests.nextText() ?? "") ?? 0
      for index in 0..<count { try await responses.write("\(index)") }
    }
    try await transport.run(service) { channel in
      let answers = try await channel.run { stream in
        try await stream.write("5000")
        stream.finish()
        return try await stream.texts()
      }
      #expect(answers == (0..<5000).map { "\($0)" })
    }
  }

  @Test(arguments: Transport.allCases)
  func bothSidesTakeTurns(_ transport: Transport) async throws {
    try await transport.run(.echo) { channel in
      try await channel.run { stream in
        for index in 0..<200 {
          try await stream.write("\(index)")
          #expect(try await stream.nextText() == "\(index)")
        }
        stream.finish()
        #expect(try await stream.next() == nil)
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func bothSidesTalkAtOnce(_ transport: Transport) async throws {
    try await transport.run(.echo) { channel in
      let answers = try await channel.run { stream in
        async let writing: Void = {
          for index in 0..<5000 { try await stream.write("\(index)") }
          stream.finish()
        }()
        let answers = try await stream.texts()
        try await writing
        return answers
      }
      #expect(answers == (0..<5000).map { "\($0)" })
    }
  }

  @Test(arguments: Transport.allCases)
  func theServerMaySpeakFirstAndAfterTheClientHasFinished(_ transport: Transport) async throws {
    let service = CallService { requests, responses, _ in
      try await responses.write("hello")
      #expect(try await requests.next() == nil)
      try await responses.write("bye")
    }
    try await transport.run(service) { channel in
      try await channel.run { (stream) async throws in
        #expect(try await stream.nextText() == "hello")
        stream.finish()
        #expect(try await stream.texts() == ["bye"])
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func streamsMayBeEmpty(_ transport: Transport) async throws {
    try await transport.run(.echo) { channel in
      try await channel.run { (stream) async throws in
        stream.finish()
        #expect(try await stream.next() == nil)
        #expect(try await stream.next() == nil)
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func messagesMayBeEmpty(_ transport: Transport) async throws {
    try await transport.run(.echo) { channel in
      let answers = try await channel.run { stream in
        for _ in 0..<3 { try await stream.write("") }
        stream.finish()
        return try await stream.texts()
      }
      #expect(answers == ["", "", ""])
    }
  }

  @Test(arguments: Transport.allCases)
  func largeMessagesTravelWhole(_ transport: Transport) async throws {
    try await transport.run(.echo) { channel in
      try await channel.run { stream in
        for byte in UInt8(0)..<4 {
          let message = ByteBuffer(repeating: byte, count: 1 << 20)
          try await stream.write(message, isCompressed: nil)
          #expect(try await stream.next()?.bytes == message)
        }
        stream.finish()
        #expect(try await stream.next() == nil)
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func manyCallsRunAtOnce(_ transport: Transport) async throws {
    try await transport.run(.echo) { channel in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for call in 0..<50 {
          group.addTask {
            try await channel.run { stream in
              for index in 0..<20 {
                try await stream.write("\(call) \(index)")
                #expect(try await stream.nextText() == "\(call) \(index)")
              }
            }
          }
        }
        try await group.waitForAll()
      }
    }
  }

  /// The wire doesn't know shapes: one message each way is a unary call.
  @Test(arguments: Transport.allCases)
  func shapesThatDifferMeetInOneMessage(_ transport: Transport) async throws {
    let service = CallService([
      "Unary": .unary { request, _ in request },
      "Streaming": .streaming { requests, responses, _ in
        for text in try await requests.texts() { try await responses.write(text) }
      },
    ])
    try await transport.run(service) { channel in
      let answer = try await channel.unary(
        CallService.method("Streaming"), request: ByteBuffer(string: "a"), options: CallOptions())
      #expect(String(buffer: answer.message) == "a")
      let answers = try await channel.run("Unary") { stream in
        try await stream.write("b")
        stream.finish()
        return try await stream.texts()
      }
      #expect(answers == ["b"])
    }
  }

  @Test(arguments: Transport.allCases)
  func aUnaryMethodTakesExactlyOneMessage(_ transport: Transport) async throws {
    let service = CallService(["Run": .unary { request, _ in request }])
    try await transport.run(service) { channel in
      for (texts, code) in [([], RPCError.Code.internal), (["a", "b"], .unimplemented)] {
        let error = await failure {
          try await channel.run { stream in
            // The refusal may come before the last message is written.
            for text in texts { try? await stream.write(text) }
            stream.finish()
            return try await stream.texts()
          }
        }
        #expect(error?.code == code)
      }
    }
  }
}
