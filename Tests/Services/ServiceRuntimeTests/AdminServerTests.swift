import Addresses
import CoreMetrics
import Logging
import NIOCore
import NIOHTTP1
import RPCServices
import Telemetry
import TestSupport
import Testing

@testable import ServiceRuntime

@Suite struct AdminServerTests {
  private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  /// The listener, for as long as `body` runs; `body` gets its port.
  private func serving(
    _ readiness: Readiness = Readiness(logger: Self.logger),
    _ body: (Int) async throws -> Void
  ) async throws {
    let registry = MetricRegistry()
    registry.makeCounter(label: "grpc.server.resets", dimensions: [("by", "peer")])
      .increment(by: 2)
    let server = AdminServer(
      AdminPages(
        name: "vault", registry: registry, readiness: readiness,
        configuration: [("TOKEN", "(set)"), ("LEVEL", "a\"b")], started: .now()),
      logger: Self.logger)
    let port = try await server.start(NetworkAddress(host: "127.0.0.1", port: 0))
    // Ends with the task, as it does when the service is told to stop.
    let run = Task { try await server.run() }
    do {
      try await body(port)
    } catch {
      run.cancel()
      throw error
    }
    run.cancel()
    try await run.value
  }

  private func send(
    _ method: HTTPMethod, _ path: String, port: Int, headers: HTTPHeaders = [:],
    body: TestHTTPClient.Body? = nil
  ) async throws -> (status: Int, type: String?, body: String, headers: HTTPHeaders) {
    let answer = try await TestHTTPClient().send(
      method, "http://127.0.0.1:\(port)\(path)", headers: headers, body: body)
    let bytes = try await answer.body.collect(upTo: 1 << 20)
    return (
      Int(answer.status.code), answer.headers.first(name: "content-type"), String(buffer: bytes),
      answer.headers
    )
  }

  @Test func itShowsMetricsHealthAndSettings() async throws {
    try await serving { port in
      let metrics = try await send(.GET, "/metrics?a=b", port: port)
      #expect(metrics.status == 200)
      #expect(metrics.type == "text/plain; version=0.0.4; charset=utf-8")
      #expect(metrics.body.contains("grpc_server_resets_total{by=\"peer\"} 2\n"))
      #expect(try await send(.GET, "/healthz", port: port).body == "{\"status\":\"ok\"}\n")
      let overview = try await send(.GET, "/", port: port)
      #expect(overview.type == "application/json")
      #expect(overview.body.contains("\"service\":\"vault\""))
      #expect(
        overview.body.contains(#""configuration":{"TOKEN":"(set)","LEVEL":"a\"b"}"#))
    }
  }

  @Test func readinessIsWhatTheChecksFound() async throws {
    let readiness = Readiness(logger: Self.logger)
    readiness.require("database") {}
    try await serving(readiness) { port in
      let before = try await send(.GET, "/readyz", port: port)
      #expect(before.status == 503)
      #expect(before.body.contains(#""database":"it was not looked at yet""#))
      await readiness.look()
      let after = try await send(.GET, "/readyz", port: port)
      #expect(after.status == 200)
      #expect(after.body == "{\"status\":\"ok\",\"checks\":{\"database\":\"ok\"}}\n")
    }
  }

  @Test func whatIsNotThereOrNotAllowedIsRefused() async throws {
    try await serving { port in
      #expect(try await send(.GET, "/metrics/x", port: port).status == 404)
      let post = try await send(.POST, "/metrics", port: port)
      #expect(post.status == 405)
      #expect(post.headers["allow"] == ["GET, HEAD"])
      let body = try await send(
        .GET, "/metrics", port: port, body: .bytes(ByteBuffer(string: "hello")))
      #expect(body.status == 413)
      #expect(body.headers["connection"] == ["close"])
    }
  }

  @Test func aHeadThatIsTooLargeIsRefused() async throws {
    try await serving { port in
      let large = String(repeating: "a", count: AdminServer.headBytesMax)
      let answer = try await send(.GET, "/", port: port, headers: ["x-large": large])
      #expect(answer.status == 431 || answer.status == 400)
    }
  }
}
