import Foundation
import LocalDeployment
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

/// Traces as a collector gets them that we did not write.
@Suite(.timeLimit(.minutes(5))) struct TracingTests {
  private static let path = "/proxy/custom/local/v1/models"
  private static let traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
  private static let callerID = "00f067aa0ba902b7"
  private static let key = "sk-0123456789abcdef"

  @Test func aProxiedRequestIsOneTraceThroughAllServices() async throws {
    let collector = try await TraceCollector.start(.take)
    let upstream = try await UpstreamServer.start()
    let stack = try await RunningStack.start(environment: [
      "CHATELAINE_ENDPOINT_ALLOWLIST": upstream.authority,
      "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
    ])
    let owner = Portal(stack.address)
    _ = try await owner.signUpAndLogIn()
    _ = try await owner.addKey(
      "custom", Self.key, label: "local", baseURL: "http://\(upstream.authority)/v1")
    let token = try await owner.accessToken()
    let program = Portal(stack.address, bearer: token)
    let answer = try await program.send(
      .GET, Self.path + "?secret=in-the-query",
      headers: [("traceparent", "00-\(Self.traceID)-\(Self.callerID)-01")])
    #expect(answer.status == 200)

    let all = try await collector.spans { spans in
      // Each process sends its own, in its own time.
      let ours = spans.filter { $0.trace == Self.traceID }
      let names = ours.map(\.name)
      func serves(_ service: String, _ name: String) -> Bool {
        ours.contains { $0.service == service && $0.name == name }
      }
      return names.contains { $0.hasPrefix("GET /proxy/") }
        && serves("chatelaine-vault", "chatelaine.vault.v1.Vault/ResolveCredential")
        && serves("chatelaine-auth", "chatelaine.auth.v1.Auth/Authenticate")
        && names.contains("GET custom") && names.contains("INSERT postgresql")
    }
    // Others are recorded one in a hundred, and the trace that its client wants always.
    let spans = all.filter { $0.trace == Self.traceID }
    try checkTree(spans)
    checkAttributes(spans)
    for span in all {
      let text = "\(span)"
      #expect(!text.contains(Self.key) && !text.contains(token))
      #expect(!text.contains("in-the-query") && !text.contains(upstream.authority))
    }
    for service in ["gateway", "vault"] {
      let metrics = try await Admin.get(service, "/metrics", of: stack).text
      #expect(!metrics.contains("traces_spans_total{outcome=\"exported\"} 0\n"))
      #expect(metrics.contains("traces_spans_total{outcome=\"lost\"} 0\n"))
    }
    await stack.stopAndRemove()
    collector.stop()
  }

  private func checkTree(_ spans: [TraceCollector.Span]) throws {
    let byID = Dictionary(spans.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    #expect(byID.count == spans.count)
    let request = try #require(spans.first { $0.name.hasPrefix("GET /proxy/") })
    #expect(request.parent == Self.callerID)
    #expect(request.kind == "SPAN_KIND_SERVER")
    #expect(request.service == "chatelaine-gateway")
    func parent(_ span: TraceCollector.Span) -> TraceCollector.Span? { byID[span.parent] }
    for span in spans where span.id != request.id {
      #expect(parent(span) != nil, "\(span.name) of \(span.service) is part of nothing")
    }
    for (name, service) in [
      ("chatelaine.auth.v1.Auth/Authenticate", "chatelaine-auth"),
      ("chatelaine.vault.v1.Vault/ResolveCredential", "chatelaine-vault"),
    ] {
      let served = try #require(spans.first { $0.name == name && $0.service == service })
      #expect(served.kind == "SPAN_KIND_SERVER")
      let called = try #require(parent(served))
      #expect(called.name == name && called.service == "chatelaine-gateway")
      #expect(called.kind == "SPAN_KIND_CLIENT")
      #expect(called.parent == request.id)
      #expect(called.nanoseconds > 0)
    }
    let provider = try #require(spans.first { $0.name == "GET custom" })
    #expect(provider.kind == "SPAN_KIND_CLIENT" && provider.parent == request.id)
    let statement = try #require(spans.first { $0.name == "INSERT postgresql" })
    #expect(statement.service == "chatelaine-vault")
    #expect(parent(statement)?.name == "chatelaine.vault.v1.Vault/ResolveCredential")
  }

  private func checkAttributes(_ spans: [TraceCollector.Span]) {
    for span in spans {
      #expect(span.scope == "chatelaine")
      #expect(span.resource["service.version"] != nil)
      #expect(span.status == "STATUS_CODE_UNSET", "\(span.name)")
      if span.name.hasPrefix("chatelaine.") {
        #expect(span.attributes["rpc.system"] == .text("grpc"))
        #expect(span.attributes["rpc.grpc.status_code"] == .number(0))
      } else if span.name.hasSuffix(" postgresql") {
        #expect(span.attributes["db.system.name"] == .text("postgresql"))
        #expect(span.attributes["db.query.text"]?.text?.isEmpty == false)
      } else {
        #expect(span.attributes["http.request.method"] == .text("GET"))
        #expect(span.attributes["http.response.status_code"] == .number(200))
      }
    }
  }

  @Test(arguments: [TraceCollector.Mood.refuse, .refuseHalf, .hang])
  func aCollectorThatTakesNothingCostsRequestsNothing(_ mood: TraceCollector.Mood) async throws {
    let collector = try await TraceCollector.start(mood)
    try await withGateway(exportingTo: collector.endpoint) { program, gateway in
      for _ in 1...4 { #expect(try await program.send(.GET, Self.path).status == 200) }
      _ = try await collector.spans { !$0.isEmpty }
      // While the export is under way or lost.
      for _ in 1...4 { #expect(try await program.send(.GET, Self.path).status == 200) }
      let lost = try await lostCount(gateway)
      #expect(lost > 0)
    }
    collector.stop()
  }

  @Test func withoutACollectorSpansAreLostAndRequestsAreAnswered() async throws {
    // Nobody listens on port 1.
    try await withGateway(exportingTo: "http://127.0.0.1:1") { program, gateway in
      for _ in 1...4 { #expect(try await program.send(.GET, Self.path).status == 200) }
      let lost = try await lostCount(gateway)
      #expect(lost > 0)
    }
  }

  private func withGateway(
    exportingTo endpoint: String, _ body: (Portal, Instance) async throws -> Void
  ) async throws {
    let (stack, upstream) = try await SharedStack.shared.get()
    let gateway = try #require(
      try await Fleet.instances(
        1, of: "gateway", beside: stack,
        ["OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_TRACES_SAMPLER": "always_on"]
      ).first)
    let owner = Portal("http://\(gateway.address)")
    _ = try await owner.signUpAndLogIn()
    _ = try await owner.addKey(
      "custom", Self.key, label: "local", baseURL: "http://\(upstream.authority)/v1")
    try await body(Portal(owner.address, bearer: try await owner.accessToken()), gateway)
    gateway.signal(SIGKILL)
  }

  /// Waits for an export that failed.
  private func lostCount(_ gateway: Instance) async throws -> Int {
    let address = try #require(gateway.adminAddress)
    while true {
      let answer = try await TestHTTPClient().send(.GET, "http://\(address)/metrics", headers: [:])
      let text = String(buffer: try await answer.body.collect(upTo: 4 << 20))
      let line = text.split(separator: "\n").first { $0.contains("outcome=\"lost\"") }
      if let count = line?.split(separator: " ").last.flatMap({ Int($0) }), count > 0 {
        return count
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }
}
