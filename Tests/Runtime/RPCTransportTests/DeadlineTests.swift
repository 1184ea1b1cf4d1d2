import NIOCore
import RPC
import RPCTransport
import Testing

@Suite struct DeadlineTests {
  /// A handler that ends only when it is cancelled, and says so.
  private static func patient(
    _ cancelled: Signal, started: Signal = Signal()
  ) -> MethodHandler.Unary {
    { request, _ in
      await started.raise()
      do {
        try await Task.sleep(for: .seconds(3600))
      } catch {
        await cancelled.raise()
        throw error
      }
      return request
    }
  }

  @Test func theServerEndsACallAtItsDeadlineAndCancelsTheHandler() async throws {
    let cancelled = Signal()
    let service = TestService(handlers: ["Wait": Self.patient(cancelled)])
    try await withServer(service, configure: { $0.callDurationMax = .milliseconds(50) }) {
      (_, client) async throws in
      let error = await failure { () async throws(RPCError) in
        try await client.call("Wait", timeout: .seconds(60))
      }
      #expect(error?.code == .deadlineExceeded)
      await cancelled.wait()
    }
  }

  @Test func theClientEndsACallAtItsDeadlineAndTheHandlerIsCancelled() async throws {
    let started = Signal()
    let cancelled = Signal()
    let service = TestService(handlers: ["Wait": Self.patient(cancelled, started: started)])
    try await withServer(service) { (_, client) async throws in
      // On a busy machine a short time may be over before the handler starts.
      var timeout = Duration.milliseconds(50)
      repeat {
        let error = await failure { [timeout] () async throws(RPCError) in
          try await client.call("Wait", timeout: timeout)
        }
        #expect(error?.code == .deadlineExceeded)
        timeout *= 4
      } while await !started.isRaised
      await cancelled.wait()
    }
  }

  @Test func aDeadlineThatHasPassedFailsBeforeAnythingIsSent() async throws {
    try await withServer { (_, client) async throws in
      let error = await failure { () async throws(RPCError) in
        try await client.call("Echo", timeout: .zero)
      }
      #expect(error?.code == .deadlineExceeded)
    }
  }

  @Test func theDeadlineHoldsWhileTheServiceCannotBeReached() async throws {
    // A listener that accepts and never says anything.
    let mute = try await MuteListener()
    let client = mute.client { $0.connectTimeout = .seconds(60) }
    let error = await failure { () async throws(RPCError) in
      try await client.call("Echo", timeout: .milliseconds(50))
    }
    #expect(error?.code == .deadlineExceeded)
    await client.close()
    await mute.stop()
  }

  @Test func anInboundDeadlineBoundsOutboundCalls() async throws {
    let backend = try await TestServer(
      TestService(handlers: [
        "TimeLeft": { _, context in
          let left = context.deadline?.remaining ?? .seconds(9999)
          return ByteBuffer(string: left < .seconds(30) ? "bounded" : "unbounded")
        }
      ]))
    let backendClient = backend.client()
    let front = TestService(handlers: [
      "Ask": { _, _ in
        ByteBuffer(
          string: try await backendClient.call(
            "TimeLeft", options: CallOptions(timeout: .seconds(50))))
      }
    ])
    try await withServer(front) { (_, client) async throws in
      #expect(try await client.call("Ask", timeout: .seconds(20)) == "bounded")
      #expect(try await client.call("Ask", timeout: .seconds(40)) == "unbounded")
    }
    await backendClient.close()
    await backend.stop()
  }
}
