import Addresses
import CoreMetrics
import Cryptography
import FoundationEssentials
import Logging
import NIOPosix
import RPC
import RPCServices
import RPCTransport
import ServiceLifecycle
import Synchronization
import TLS
import Telemetry

/// Where traces go and which: OpenTelemetry's own settings.
package struct TraceSettings: Sendable {
  /// Nil: no traces are recorded.
  let endpoint: URL?
  let serviceName: String
  let sampler: Tracer.Sampler
  /// Sent with each export, e.g. a collector's token.
  let headers: Metadata

  init(from reader: inout ConfigurationReader, service: String) {
    endpoint = reader.optionalURL(
      "OTEL_EXPORTER_OTLP_ENDPOINT",
      doc: "Collector of traces (OTLP over gRPC), e.g. http://collector:4317. With https it must "
        + "prove who it is to TLS_CA_FILE, and is shown this service's certificate. Without one "
        + "no traces are recorded.")
    serviceName = reader.string(
      "OTEL_SERVICE_NAME", default: "chatelaine-\(service)", doc: "The service's name in traces.")
    let name =
      reader.parsed(
        "OTEL_TRACES_SAMPLER", default: "parentbased_traceidratio",
        doc: "Which traces are recorded: always_on, always_off, traceidratio, or one of these with "
          + "parentbased_ in front, which leaves it to whoever began the trace.",
        expected: "a sampler's name, e.g. parentbased_traceidratio",
        parse: { text in Self.samplers.first { $0 == text } }) ?? ""
    let ratio =
      reader.parsed(
        "OTEL_TRACES_SAMPLER_ARG", default: "0.01",
        doc: "The share of traces that traceidratio records, from 0 to 1.",
        expected: "a number from 0 to 1",
        parse: { Double($0).flatMap { (0...1).contains($0) ? $0 : nil } }) ?? 0
    sampler = Tracer.Sampler(
      ratio: Self.ratio(name, ratio), followsParent: name.utf8.starts(with: "parentbased_".utf8))
    headers = Self.headers(&reader)
  }

  private static let samplers = ["always_on", "always_off", "traceidratio"]
    .flatMap { [$0, "parentbased_\($0)"] }

  private static func ratio(_ name: String, _ given: Double) -> Double {
    switch name {
    case "always_on", "parentbased_always_on": 1
    case "always_off", "parentbased_always_off": 0
    default: given
    }
  }

  private static func headers(_ reader: inout ConfigurationReader) -> Metadata {
    let variable = "OTEL_EXPORTER_OTLP_HEADERS"
    var metadata = Metadata()
    guard
      let text = reader.optionalSecret(
        variable, doc: "Sent with each export: name=value, with commas between them.")
    else { return metadata }
    text.withUTF8String { text in
      for pair in text.utf8.split(separator: UInt8(ascii: ",")) {
        let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1)
        guard parts.count == 2,
          (try? metadata.append(
            String(Substring(parts[1])), forKey: String(Substring(parts[0])).lowercased())) != nil
        else { return reader.refuse(variable, "must be name=value, with commas between them") }
      }
    }
    return metadata
  }
}

/// Sends spans to a collector in batches, beside the work: whoever ends a span never waits, and
/// what doesn't fit into the queue is dropped and counted.
final class SpanExporter: Sendable {
  static let queueMax = 4_096
  static let batchMax = 512
  /// Between two exports while the queue is short.
  static let interval: Duration = .seconds(1)
  static let exportTimeout: Duration = .seconds(5)

  /// Ends spans in this exporter's queue.
  let tracer: Tracer
  private let queue: SpanQueue
  private let client: RPCClient
  private let settings: TraceSettings
  private let logger: Logger
  private let exported: any CounterHandler
  private let lost: any CounterHandler

  /// Nil without a collector.
  init?(
    _ settings: TraceSettings, tls: TLSConfiguration, metrics: MetricRegistry,
    on group: MultiThreadedEventLoopGroup, logger: Logger
  ) {
    guard let endpoint = settings.endpoint, let host = endpoint.host() else { return nil }
    let isSecure = endpoint.scheme == "https"
    self.settings = settings
    self.logger = logger
    // Without interceptors: an export is no part of any trace.
    client = RPCClient(
      RPCClientConfiguration(
        host: host, port: endpoint.port ?? 4_317, tls: isSecure ? tls : nil),
      eventLoopGroup: group, logger: logger)
    func counter(_ outcome: String) -> any CounterHandler {
      metrics.makeCounter(label: "traces.spans", dimensions: [("outcome", outcome)])
    }
    (exported, lost) = (counter("exported"), counter("lost"))
    queue = SpanQueue(spansMax: Self.queueMax, dropped: counter("dropped"))
    tracer = Tracer(settings.sampler, sink: queue)
  }

  /// Exports everything that is in the queue.
  func flush() async {
    while true {
      let batch = queue.takeFirst(Self.batchMax)
      guard !batch.isEmpty else { return }
      do throws(RPCError) {
        let answer: TraceAPI.ExportTraceServiceResponse = try await client.unary(
          TraceAPI.TraceServiceMethods.export, request(batch),
          options: CallOptions(metadata: settings.headers, timeout: Self.exportTimeout))
        note(batch.count, answer.partialSuccess)
      } catch {
        lost.increment(by: Int64(batch.count))
        logger.debug("spans could not be exported", metadata: ["error": "\(error)"])
        return
      }
    }
  }

  /// A collector may take a batch and refuse some of it (OTLP, "Partial Success").
  private func note(_ count: Int, _ refused: TraceAPI.ExportTracePartialSuccess?) {
    let refusedCount = min(max(0, refused?.rejectedSpans ?? 0), Int64(count))
    exported.increment(by: Int64(count) - refusedCount)
    guard let refused, refusedCount > 0 else { return }
    lost.increment(by: refusedCount)
    logger.debug("spans were refused", metadata: ["reason": "\(refused.errorMessage)"])
  }

  private func request(_ spans: [Span]) -> TraceAPI.ExportTraceServiceRequest {
    TraceAPI.ExportTraceServiceRequest(resourceSpans: [
      TraceAPI.ResourceSpans(
        resource: TraceAPI.Resource(attributes: [
          TraceAPI.KeyValue("service.name", settings.serviceName),
          TraceAPI.KeyValue("service.version", Build.version),
        ]),
        scopeSpans: [
          TraceAPI.ScopeSpans(
            scope: TraceAPI.InstrumentationScope(name: "chatelaine"),
            spans: spans.map(TraceAPI.Span.init(_:)))
        ])
    ])
  }
}

extension SpanExporter: Service {
  /// Exports until told to stop, then what is left.
  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      while true {
        try await Task.sleep(for: Self.interval)
        await self.flush()
      }
    }
    // Unstructured: the task that runs this is cancelled by now, and the last spans are wanted.
    await Task { await flush() }.value
    await client.close()
  }
}

extension TraceAPI.KeyValue {
  fileprivate init(_ key: String, _ value: String) {
    self.init(key: key, value: TraceAPI.AnyValue(value: .stringValue(value)))
  }

  fileprivate init(_ attribute: SpanAttribute) {
    let value: TraceAPI.AnyValue.Value =
      switch attribute.value {
      case .text(let text): .stringValue(text)
      case .number(let number): .intValue(number)
      }
    self.init(key: attribute.name, value: TraceAPI.AnyValue(value: value))
  }
}

extension TraceAPI.Span {
  /// W3C's flag of a recorded trace.
  private static let sampledFlag: UInt32 = 1

  fileprivate init(_ span: Span) {
    let context = span.context
    self.init(
      traceId: context.traceID.high.bigEndianBytes + context.traceID.low.bigEndianBytes,
      spanId: context.spanID.bigEndianBytes, traceState: context.state.text,
      parentSpanId: context.parentSpanID == 0 ? [] : context.parentSpanID.bigEndianBytes,
      flags: Self.sampledFlag, name: span.name,
      kind: span.kind == .server ? .server : .client, startTimeUnixNano: span.start,
      endTimeUnixNano: span.end,
      attributes: span.attributes.map(TraceAPI.KeyValue.init(_:)),
      status: span.isError ? TraceAPI.Status(code: .error) : nil)
  }
}

extension UInt64 {
  fileprivate var bigEndianBytes: [UInt8] {
    Swift.withUnsafeBytes(of: bigEndian) { Array($0) }
  }
}

/// Spans that wait for their export; beyond the limit they are dropped and counted.
final class SpanQueue: SpanSink {
  private let spansMax: Int
  private let dropped: any CounterHandler
  private let spans = Mutex<[Span]>([])

  init(spansMax: Int, dropped: any CounterHandler) {
    (self.spansMax, self.dropped) = (spansMax, dropped)
  }

  func take(_ span: Span) {
    let isQueued = spans.withLock { spans in
      guard spans.count < spansMax else { return false }
      spans.append(span)
      return true
    }
    if !isQueued { dropped.increment(by: 1) }
  }

  /// At most so many, oldest first.
  func takeFirst(_ count: Int) -> [Span] {
    spans.withLock { spans in
      let first = Array(spans.prefix(count))
      spans.removeFirst(first.count)
      return first
    }
  }
}
