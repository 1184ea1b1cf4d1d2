import NIOCore
import RPC
import Testing

/// A reader that doesn't read stops its writer.
@Suite(.timeLimit(.minutes(1))) struct BackPressureTests {
  private static let message = ByteBuffer(repeating: 7, count: 4096)
  /// Far more than may wait.
  private static let messageCount = 1 << 20
  /// Long enough to write much more than may wait, if nothing stops the writer.
  private static let patience: Duration = .milliseconds(500)

  /// The queues of a stream and its windows are within 256 KiB, prefixes included.
  private static func messageCountMax(_ message: ByteBuffer) -> Int {
    (256 << 10) / (message.readableBytes + Envelope.prefixBytes)
  }

  /// Writes until that fails; how many messages went, and why no more did.
  private static func fill(
    _ sink: any MessageSink, with message: ByteBuffer
  ) async -> (count: Int, failure: RPCError?) {
    for count in 0..<messageCount {
      do throws(RPCError) {
        try await sink.write(message, isCompressed: nil)
      } catch {
        return (count, error)
      }
    }
    return (messageCount, nil)
  }

  /// Messages that hold nothing take room too.
  @Test(arguments: Transport.allCases, [message, ByteBuffer()])
  func aHandlerThatDoesNotReadStopsItsClient(
    _ transport: Transport, _ message: ByteBuffer
  ) async throws {
    let service = CallService { _, _, _ in try await Task.sleep(for: .seconds(3600)) }
    try await transport.run(service) { channel in
      let (count, failure) = try await channel.run(timeout: Self.patience) {
        await Self.fill($0, with: message)
      }
      #expect(failure?.code == .deadlineExceeded)
      // None, where connecting took all the time.
      #expect(count <= Self.messageCountMax(message))
    }
  }

  @Test(arguments: Transport.allCases, [message, ByteBuffer()])
  func aClientThatDoesNotReadStopsTheHandler(
    _ transport: Transport, _ message: ByteBuffer
  ) async throws {
    let (begun, ended) = (Signal<Void>(), Signal<Int>())
    let service = CallService { _, responses, _ in
      await begun.raise()
      await ended.raise(await Self.fill(responses, with: message).count)
    }
    try await transport.run(service) { channel in
      // The end of the body cancels the call. Not by a deadline, which may pass before the handler
      // has begun.
      try await channel.run { (_) async throws in
        await begun.wait()
        try await Task.sleep(for: Self.patience)
      }
      let count = await ended.wait()
      #expect((1...Self.messageCountMax(message)).contains(count))
    }
  }

  @Test(arguments: Transport.allCases)
  func aWriterGoesOnWhenItsReaderDoes(_ transport: Transport) async throws {
    let mayRead = Signal<Void>()
    let service = CallService { requests, responses, _ in
      await mayRead.wait()
      var count = 0
      while try await requests.next() != nil { count += 1 }
      try await responses.write("\(count)")
    }
    try await transport.run(service) { channel in
      let answer = try await channel.run { stream in
        // More than may wait unread, so the writer is stopped and started.
        for index in 0..<1000 {
          if index == 10 { await mayRead.raise() }
          try await stream.write(Self.message, isCompressed: nil)
        }
        stream.finish()
        return try await stream.nextText()
      }
      #expect(answer == "1000")
    }
  }

  /// Two calls share a connection: one that isn't read must not stop the other.
  @Test(arguments: Transport.allCases)
  func aFullStreamLeavesOthersAlone(_ transport: Transport) async throws {
    let full = Signal<Void>()
    let service = CallService([
      "Run": .streaming { requests, responses, _ in
        while let request = try await requests.next() {
          try await responses.write(request.bytes, isCompressed: nil)
        }
      },
      "Pour": .streaming { _, responses, _ in
        for count in 0..<Self.messageCount {
          if count == 4 { await full.raise() }
          try await responses.write(Self.message, isCompressed: nil)
        }
      },
    ])
    try await transport.run(service) { channel in
      try await channel.run("Pour") { unread in
        await full.wait()
        for index in 0..<100 {
          let echoed = try await channel.run { stream in
            try await stream.write("\(index)")
            return try await stream.nextText()
          }
          #expect(echoed == "\(index)")
        }
        #expect(try await unread.next()?.bytes == Self.message)
      }
    }
  }
}
