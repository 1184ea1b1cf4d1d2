import CoreMetrics
import Logging
import NIOCore
import NIOPosix
import RPC
import RPCServices
import RPCTransport
import Synchronization
import TLS
import Telemetry
import Testing

@testable import ServiceRuntime

@Suite struct SpanExporterTests {
  private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  private static let group = MultiThreadedEventLoopGroup.singleton

  /// A collector that keeps what it is told.
  private final class Collector: TraceAPI.TraceServiceProtocol {
    struct Export: Sendable {
      let request: TraceAPI.ExportTraceServiceRequest
      let token: String?
      let traceparent: String?
    }

    private let kept = Mutex<[Export]>([])

    var exports: [Export] { kept.withLock { $0 } }

    func export(
      _ request: TraceAPI.ExportTraceServiceRequest, context: ServerContext
    ) async throws -> TraceAPI.ExportTraceServiceResponse {
      let export = Export(
        request: request, token: context.metadata["x-token"],
        traceparent: context.metadata["traceparent"])
      kept.withLock { $0.append(export) }
      return TraceAPI.ExportTraceServiceResponse()
    }
  }

  private func exporter(
    port: Int, _ registry: MetricRegistry, _ environment: [String: String] = [:]
  ) throws -> SpanExporter {
    var reader = ConfigurationReader(
      environment: [
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(port)",
        "OTEL_EXPORTER_OTLP_HEADERS": "X-Token=s3cret", "OTEL_TRACES_SAMPLER": "always_on",
      ].merging(environment) { _, new in new })
    let settings = TraceSettings(from: &reader, service: "vault")
    try reader.finish()
    return try #require(
      SpanExporter(
        settings,
        tls: TLSConfiguration(
          certificateFile: "", privateKeyFile: "", certificateAuthorityFile: ""),
        metrics: registry, on: Self.group, logger: Self.logger))
  }

  @Test func spansReachTheCollectorWithTheirTrace() async throws {
    let collector = Collector()
    let server = RPCServer(
      RPCServerConfiguration(host: "127.0.0.1", port: 0, tls: nil), services: [collector],
      eventLoopGroup: Self.group, logger: Self.logger)
    let port = try await server.start()
    let running = Task { try await server.run() }
    let registry = MetricRegistry()
    let exporter = try exporter(port: port, registry)
    let root = exporter.tracer.serverContext(nil)
    let part = exporter.tracer.clientContext(root)
    exporter.tracer.end(
      part, .client, started: .now(), isError: true, name: "part",
      [SpanAttribute("a", "b"), SpanAttribute("c", 7)])
    exporter.tracer.end(root, .server, started: .now(), isError: false, name: "whole", [])
    await exporter.flush()

    let export = try #require(collector.exports.first)
    #expect(export.token == "s3cret")
    #expect(export.traceparent == nil)
    let resource = try #require(export.request.resourceSpans.first)
    #expect(resource.resource?.attributes.first?.value?.value == .stringValue("chatelaine-vault"))
    let spans = try #require(resource.scopeSpans.first?.spans)
    #expect(spans.map(\.name) == ["part", "whole"])
    #expect(spans.map(\.kind) == [.client, .server])
    #expect(spans[0].traceId.count == 16 && spans[0].traceId == spans[1].traceId)
    #expect(spans[0].parentSpanId == spans[1].spanId)
    #expect(spans[1].parentSpanId.isEmpty)
    #expect(spans[0].status?.code == .error && spans[1].status == nil)
    #expect(spans[0].endTimeUnixNano >= spans[0].startTimeUnixNano)
    #expect(registry.page().contains("traces_spans_total{outcome=\"exported\"} 2\n"))
    running.cancel()
    _ = await running.result
  }

  @Test func withoutACollectorSpansAreLostAndCountedAndNobodyWaits() async throws {
    let registry = MetricRegistry()
    let exporter = try exporter(port: 1, registry)
    for _ in 0...SpanExporter.queueMax {
      exporter.tracer.end(
        exporter.tracer.serverContext(nil), .server, started: .now(), isError: false, name: "a", [])
    }
    #expect(registry.page().contains("traces_spans_total{outcome=\"dropped\"} 1\n"))
    await exporter.flush()
    let lost = "traces_spans_total{outcome=\"lost\"} \(SpanExporter.batchMax)\n"
    #expect(registry.page().contains(lost))
  }

  @Test func aTraceThatSomebodyBeganIsRecordedIfTheySaySo() throws {
    let exporter = try exporter(
      port: 1, MetricRegistry(),
      ["OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"])
    func context(flags: String) throws -> TraceContext {
      var metadata = Metadata()
      try metadata.append(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-\(flags)", forKey: "traceparent")
      return exporter.tracer.serverContext(TraceContext(metadata))
    }
    #expect(try context(flags: "01").isSampled)
    #expect(try context(flags: "01").parentSpanID == 0x00f0_67aa_0ba9_02b7)
    #expect(try !context(flags: "00").isSampled)
    #expect(!exporter.tracer.serverContext(nil).isSampled)
  }

  @Test func settingsThatCannotBeUsedAreTold() {
    var reader = ConfigurationReader(environment: [
      "OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317", "OTEL_TRACES_SAMPLER": "some",
      "OTEL_TRACES_SAMPLER_ARG": "2", "OTEL_EXPORTER_OTLP_HEADERS": "s3cret",
    ])
    _ = TraceSettings(from: &reader, service: "vault")
    let error = #expect(throws: ConfigurationError.self) { try reader.finish() }
    #expect(error?.problems.count == 4)
    #expect("\(error?.problems ?? [])".contains("s3cret") == false)
  }
}
