import NIOHTTP1
import RPC
import Testing

@testable import GatewayServer

@Suite struct TraceTests {
  private static let bearer = ("authorization", "Bearer \(FakeBackend.accessToken)")
  private static let traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
  private static let parent = "00-\(traceID)-00f067aa0ba902b7-01"

  /// What one request leaves behind: the trace context of each RPC made for it, and the trace of
  /// its line in the log.
  private struct Outcome: Sendable {
    let calls: [TraceContext]
    let states: [String?]
    let logged: [String?]

    var callIDs: Set<String> { Set(calls.map { "\($0.traceID)" }) }
  }

  private func outcome(_ headers: [(String, String)] = []) async throws -> Outcome {
    let lines = LogLines()
    return try await TestGateway.run(logger: lines.logger) { gateway in
      let answer = try await gateway.send(.GET, "/api/v1/me", headers: [Self.bearer] + headers)
      #expect(answer.status == 200)
      let calls = gateway.backend.auth.calls
      #expect(calls.count == 2)
      return Outcome(
        calls: calls.compactMap { TraceContext($0.metadata) },
        states: calls.map { $0.metadata["tracestate"] },
        logged: lines.all.filter { $0.message == "request" }.map { $0.text("trace") })
    }
  }

  @Test func aRequestContinuesTheTraceOfItsClient() async throws {
    let outcome = try await outcome([("traceparent", Self.parent), ("tracestate", "a=1, b=2")])
    #expect(outcome.callIDs == [Self.traceID])
    #expect(outcome.states == ["a=1,b=2", "a=1,b=2"])
    // Each call is a span of its own.
    #expect(Set(outcome.calls.map(\.spanID) + [0x00f0_67aa_0ba9_02b7]).count == 3)
    #expect(outcome.calls.map(\.isSampled) == [true, true])
    #expect(outcome.logged == [Self.traceID])
  }

  @Test func aRequestWithoutATraceBeginsOne() async throws {
    let (first, second) = (try await outcome(), try await outcome())
    for outcome in [first, second] {
      #expect(outcome.callIDs.count == 1)
      #expect(outcome.logged == [outcome.callIDs.first])
    }
    #expect(first.callIDs != second.callIDs)
  }

  @Test(arguments: [
    [("traceparent", "00-\(traceID)-00f067aa0ba902b7")],
    [("traceparent", "00-\(traceID.uppercased())-00f067aa0ba902b7-01")],
    [("traceparent", "00-\(String(repeating: "0", count: 32))-00f067aa0ba902b7-01")],
    [("traceparent", "é")], [("traceparent", parent), ("traceparent", parent)],
    [("tracestate", "a=1")],
  ])
  func whatIsNoTraceContextIsNotContinued(_ headers: [(String, String)]) async throws {
    let outcome = try await outcome(headers)
    #expect(outcome.callIDs.count == 1)
    #expect(outcome.callIDs != [Self.traceID])
    #expect(outcome.states == [nil, nil])
    #expect(outcome.logged == [outcome.callIDs.first])
  }
}
