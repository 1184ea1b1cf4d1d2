import Logging
import NIOCore
import RPC
import Testing

@Suite struct TracingInterceptorTests {
  private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

  /// What a call that is made here would send.
  private static func outgoing(_ metadata: Metadata = Metadata()) async throws -> Metadata {
    try await ClientTracingInterceptor().intercept(
      InterceptorCase.method, CallOptions(metadata: metadata)
    ) { (options) async throws(RPCError) in options.metadata }
  }

  @Test func aCallOfAHandlerIsAnotherSpanOfItsTrace() async throws {
    let metadata = try Metadata(texts: ["traceparent": Self.parent, "tracestate": "a=1"])
    let sent = try await InterceptorCase.call([TracingInterceptor()], metadata: metadata) {
      #expect($0.trace?.traceID.description == "4bf92f3577b34da6a3ce929d0e0e4736")
      let (first, second) = (try await Self.outgoing(), try await Self.outgoing())
      #expect(first["tracestate"] == "a=1")
      #expect(first["traceparent"] != second["traceparent"])
      return first["traceparent"] ?? ""
    }
    #expect(sent.hasPrefix("00-4bf92f3577b34da6a3ce929d0e0e4736-"))
    #expect(sent.hasSuffix("-01"))
    #expect(sent.count == 55)
    #expect(sent != Self.parent)
  }

  @Test func aCallWithoutATraceBeginsOne() async throws {
    let sent = try await InterceptorCase.call([TracingInterceptor()]) { context in
      let sent = try await Self.outgoing()
      #expect(sent["traceparent"]?.contains(context.trace?.traceID.description ?? "?") == true)
      #expect(sent["tracestate"] == nil)
      return sent["traceparent"] ?? ""
    }
    #expect(TraceContext(try Metadata(texts: ["traceparent": sent])) != nil)
  }

  @Test func outsideOfAnyCallEveryCallIsATrace() async throws {
    let (first, second) = (try await Self.outgoing(), try await Self.outgoing())
    let traces = try [first, second].map { try #require(TraceContext($0)).traceID }
    #expect(traces[0] != traces[1])
  }

  @Test func whoSaysItsTraceIsBelieved() async throws {
    let sent = try await Self.outgoing(try Metadata(texts: ["traceparent": Self.parent]))
    #expect(sent.entries.map(\.value) == [.ascii(Self.parent)])
  }

  @Test func theLogLineNamesTheTrace() async throws {
    let lines = LogLines()
    _ = try await InterceptorCase.call(
      [TracingInterceptor(), LoggingInterceptor(logger: lines.logger(.debug))],
      metadata: try Metadata(texts: ["traceparent": Self.parent]))
    #expect(lines.all.first?.text("trace") == "4bf92f3577b34da6a3ce929d0e0e4736")
  }
}
