import Foundation
import Glibc
import Logging
import Metrics
import NIOPosix
import RPC
import RPCTransport
import Synchronization
import Telemetry

/// The server that the benchmarks load: `bench-server PORT [CERTIFICATE KEY AUTHORITY]`.
///
/// One event loop, as it gets one core; all standard interceptors are on, and metrics are counted.
/// What these cost is seen by leaving them out: `BENCH_METERS` is `memory` (a backend of its own),
/// `registry` (as services have) or `none`; `BENCH_TRACES` is the share of traces that are kept.
@main
enum BenchServer {
  static func main() async throws {
    let logger = Logger(label: "bench-server")
    guard let arguments = Arguments(CommandLine.arguments.dropFirst()) else {
      logger.critical("usage: bench-server PORT [CERTIFICATE KEY AUTHORITY]")
      exit(EX_USAGE)
    }
    signal(SIGPIPE, SIG_IGN)
    let environment = ProcessInfo.processInfo.environment
    switch environment["BENCH_METERS"] {
    case "none": break
    case "registry": MetricsSystem.bootstrap(MetricRegistry())
    default: MetricsSystem.bootstrap(MemoryMetrics())
    }
    let tracer = environment["BENCH_TRACES"].flatMap { Double($0) }.map { ratio in
      Tracer(Tracer.Sampler(ratio: ratio, followsParent: false), sink: SpanCount())
    }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let server = RPCServer(
      arguments.configuration, services: [BenchHandler()],
      interceptors: Interceptors.all(
        isMutualTLS: arguments.tls != nil, tracer: tracer, logger: logger),
      eventLoopGroup: group, logger: logger)
    try await server.run()
  }
}

/// Takes spans as an exporter's queue does when it is short: what becomes of them costs another
/// thread.
private final class SpanCount: SpanSink {
  private let spans = Mutex<[Span]>([])

  func take(_ span: Span) {
    spans.withLock { spans in
      if spans.count == 512 { spans.removeAll(keepingCapacity: true) }
      spans.append(span)
    }
  }
}
