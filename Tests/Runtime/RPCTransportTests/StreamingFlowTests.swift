import NIOCore
import RPC
import RPCTransport
import Synchronization
import Testing

/// A service of streaming methods made of closures.
private struct StreamingService: RPCService {
  var handlers: [String: MethodHandler.Streaming]

  var methodHandlers: [MethodHandler] {
    handlers.map { MethodHandler(Self.method($0.key), .streaming($0.value)) }
  }

  static func method(_ name: String) -> MethodDescriptor {
    MethodDescriptor(service: "test.Streaming", method: name, shape: .bidirectionalStreaming)
  }

  static let echo: MethodHandler.Streaming = { requests, responses, _ in
    while let request = try await requests.next() {
      try await responses.write(request.bytes, isCompressed: nil)
    }
  }
}

/// Flow control, as the socket transport does it: who doesn't read is not written to.
@Suite struct StreamingFlowTests {
  private static let messageBytes = 16 << 10

  private func withStreaming(
    _ handlers: [String: MethodHandler.Streaming],
    configure: (inout RPCServerConfiguration) -> Void = { _ in },
    _ body: (TestServer, RPCClient) async throws -> Void
  ) async throws {
    let server = try await TestServer(
      StreamingService(handlers: handlers), configure: configure)
    let client = server.client()
    let result: Result<Void, any Error>
    do {
      result = .success(try await body(server, client))
    } catch {
      result = .failure(error)
    }
    await client.close()
    await server.stop()
    try result.get()
  }

  @Test func messagesComeBackInOrder() async throws {
    try await withStreaming(["Echo": StreamingService.echo]) { _, client in
      let echoed = try await client.stream(
        StreamingService.method("Echo"), options: CallOptions()
      ) { stream in
        var echoed: [String] = []
        for index in 0..<100 {
          try await stream.write(ByteBuffer(string: "message \(index)"), isCompressed: nil)
          if let answer = try await stream.next() { echoed.append(String(buffer: answer.bytes)) }
        }
        stream.finish()
        let end = try await stream.next()
        #expect(end == nil)
        return echoed
      }
      #expect(echoed == (0..<100).map { "message \($0)" })
    }
  }

  /// Each message is answered by WINDOW_UPDATEs, which must not count as a flood.
  @Test func aLongExchangeOfLargeMessagesIsNotCut() async throws {
    try await withStreaming(["Echo": StreamingService.echo]) { _, client in
      let message = ByteBuffer(repeating: 7, count: 64 << 10)
      try await client.stream(
        StreamingService.method("Echo"), options: CallOptions(timeout: .seconds(60))
      ) { stream in
        for _ in 0..<600 {
          try await stream.write(message, isCompressed: nil)
          #expect(try await stream.next()?.bytes.readableBytes == message.readableBytes)
        }
        stream.finish()
        #expect(try await stream.next() == nil)
      }
    }
  }

  @Test func aMessageLargerThanTheWindowArrivesWhole() async throws {
    try await withStreaming(["Echo": StreamingService.echo]) { _, client in
      let large = ByteBuffer(repeating: 7, count: 3 << 20)
      try await client.stream(StreamingService.method("Echo"), options: CallOptions()) { stream in
        for _ in 0..<3 {
          try await stream.write(large, isCompressed: nil)
          let answer = try await stream.next()
          #expect(answer?.bytes == large)
        }
        stream.finish()
        #expect(try await stream.next() == nil)
      }
    }
  }

  @Test func aClientThatDoesNotReadStopsTheServersWriter() async throws {
    let written = Counter()
    let handlers: [String: MethodHandler.Streaming] = [
      "Source": { _, responses, _ in
        let message = ByteBuffer(repeating: 1, count: Self.messageBytes)
        while true {
          try await responses.write(message, isCompressed: nil)
          written.increment()
        }
      }
    ]
    try await withStreaming(handlers) { _, client in
      try await client.stream(StreamingService.method("Source"), options: CallOptions()) { stream in
        _ = try await stream.next()
        // Another call on the same connection is not held up, and by then the source has stopped.
        var before = -1
        while written.value != before {
          before = written.value
          let error = await failure { () async throws(RPCError) in
            try await client.unary(
              TestService.method("None"), request: ByteBuffer(), options: CallOptions())
          }
          #expect(error?.code == .unimplemented)
          try await Task.sleep(for: .milliseconds(50))
        }
        #expect(before <= (HTTPWindow.bytes + HTTPWindow.queueBytes) / Self.messageBytes + 2)
        // Reading goes on where it stopped.
        for _ in 0..<50 { _ = try await stream.next() }
        #expect(written.value > before)
      }
    }
  }

  @Test func aHandlerThatDoesNotReadStopsTheClientsWriter() async throws {
    let release = Signal()
    let handlers: [String: MethodHandler.Streaming] = [
      "Sink": { requests, _, _ in
        await release.wait()
        while try await requests.next() != nil {}
      }
    ]
    try await withStreaming(handlers) { _, client in
      let written = Counter()
      try await client.stream(StreamingService.method("Sink"), options: CallOptions()) { stream in
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask {
            for _ in 0..<200 {
              try await stream.write(
                ByteBuffer(repeating: 1, count: Self.messageBytes), isCompressed: nil)
              written.increment()
            }
            stream.finish()
          }
          var before = -1
          while written.value != before {
            before = written.value
            try await Task.sleep(for: .milliseconds(50))
          }
          #expect(before <= (HTTPWindow.bytes + HTTPWindow.queueBytes) / Self.messageBytes + 2)
          await release.raise()
          try await group.waitForAll()
        }
        #expect(try await stream.next() == nil)
      }
      #expect(written.value == 200)
    }
  }

  @Test func leavingTheClosureCancelsTheHandler() async throws {
    let ended = Signal()
    let handlers: [String: MethodHandler.Streaming] = [
      "Wait": { requests, responses, _ in
        try await responses.sendMetadata()
        _ = try? await requests.next()
        if Task.isCancelled { await ended.raise() }
      }
    ]
    try await withStreaming(handlers) { _, client in
      try await client.stream(StreamingService.method("Wait"), options: CallOptions()) { stream in
        _ = try await stream.initialMetadata()
      }
      await ended.wait()
    }
  }

  @Test func aDeadlineEndsBothSides() async throws {
    let ended = Signal()
    let handlers: [String: MethodHandler.Streaming] = [
      "Wait": { requests, _, _ in
        _ = try? await requests.next()
        await ended.raise()
      }
    ]
    try await withStreaming(handlers) { _, client in
      await #expect(throws: RPCError.self) {
        try await client.stream(
          StreamingService.method("Wait"), options: CallOptions(timeout: .milliseconds(100))
        ) { stream in _ = try await stream.next() }
      }
      await ended.wait()
    }
  }
}

/// What may be on its way on one stream.
private enum HTTPWindow {
  static let bytes = 64 << 10
  static let queueBytes = 64 << 10
}

private final class Counter: Sendable {
  private let count = Atomic(0)

  var value: Int { count.load(ordering: .relaxed) }

  func increment() {
    count.wrappingAdd(1, ordering: .relaxed)
  }
}
