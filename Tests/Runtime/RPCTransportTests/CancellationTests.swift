import NIOCore
import RPC
import RPCTransport
import Testing

@Suite struct CancellationTests {
  private struct Probe {
    let started = Signal()
    let cancelled = Signal()

    var service: TestService {
      TestService(handlers: [
        "Wait": { [started, cancelled] request, _ in
          await started.raise()
          do {
            try await Task.sleep(for: .seconds(3600))
          } catch {
            await cancelled.raise()
            throw error
          }
          return request
        },
        "Echo": { request, _ in request },
      ])
    }
  }

  @Test func cancellingTheCallersTaskCancelsTheHandler() async throws {
    let probe = Probe()
    try await withServer(probe.service) { (_, client) async throws in
      let call = Task { try await client.call("Wait") }
      await probe.started.wait()
      call.cancel()
      await #expect { try await call.value } throws: { ($0 as? RPCError)?.code == .cancelled }
      await probe.cancelled.wait()
      #expect(try await client.call("Echo", "next") == "next")
    }
  }

  @Test func aCallOfACancelledTaskIsNotMade() async throws {
    let service = TestService(handlers: [
      "Echo": { request, _ in
        Issue.record("the call was made")
        return request
      }
    ])
    try await withServer(service) { (_, client) async throws in
      let call = Task {
        // By itself: whoever else cancels it may come after its end.
        withUnsafeCurrentTask { $0?.cancel() }
        return try await client.call("Echo")
      }
      await #expect { try await call.value } throws: { ($0 as? RPCError)?.code == .cancelled }
    }
  }

  @Test func closingTheClientFailsItsCallsAndCancelsTheHandler() async throws {
    let probe = Probe()
    try await withServer(probe.service) { (_, client) async throws in
      async let outcome = failure { () async throws(RPCError) in try await client.call("Wait") }
      await probe.started.wait()
      await client.close()
      #expect(await outcome?.code == .cancelled)
      await probe.cancelled.wait()
    }
  }

  @Test func stoppingTheServerFailsCallsAsUnavailableAndCancelsTheHandler() async throws {
    let probe = Probe()
    let server = try await TestServer(probe.service)
    let client = server.client()
    async let outcome = failure { () async throws(RPCError) in try await client.call("Wait") }
    await probe.started.wait()
    await server.stop()
    let error = await outcome
    #expect(error?.code == .unavailable)
    #expect(error?.detail?.contains("127.0.0.1:\(server.port)") == true)
    await probe.cancelled.wait()
    await client.close()
  }

  /// A client that opens and resets streams must not get more work out of the server than one that
  /// waits for its answers.
  @Test func aResetStreamKeepsItsPlaceUntilItsHandlerHasEnded() async throws {
    let release = Signal()
    let started = Barrier(count: 3)
    let service = TestService(handlers: [
      "Stubborn": { request, _ in
        await started.arrive()
        await release.wait()
        return request
      },
      "Echo": { request, _ in request },
    ])
    try await withServer(
      service, configure: { $0.concurrentStreamsMax = 2 },
      configureClient: { $0.connectionCountMax = 1 }
    ) { (_, client) async throws in
      let calls = (0..<2).map { _ in Task { try await client.call("Stubborn") } }
      await started.arrive()
      for call in calls {
        call.cancel()
        _ = await call.result
      }
      let refused = await failure { () async throws(RPCError) in try await client.call("Echo") }
      #expect(refused?.code == .unavailable)
      await release.raise()
      // The handlers end on the server's loop some time after the signal.
      while await failure({ () async throws(RPCError) in try await client.call("Echo") }) != nil {
        await Task.yield()
      }
    }
  }
}
