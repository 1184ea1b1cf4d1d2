import Glibc
import Logging
import Metrics
import NIOPosix
import RPC
import RPCTransport

/// The server that the benchmarks load: `bench-server PORT [CERTIFICATE KEY AUTHORITY]`.
///
/// One event loop, as it gets one core; all standard interceptors are on, and metrics are counted.
@main
enum BenchServer {
  static func main() async throws {
    let logger = Logger(label: "bench-server")
    guard let arguments = Arguments(CommandLine.arguments.dropFirst()) else {
      logger.critical("usage: bench-server PORT [CERTIFICATE KEY AUTHORITY]")
      exit(EX_USAGE)
    }
    signal(SIGPIPE, SIG_IGN)
    MetricsSystem.bootstrap(MemoryMetrics())
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let server = RPCServer(
      arguments.configuration, services: [BenchHandler()],
      interceptors: Interceptors.all(isMutualTLS: arguments.tls != nil, logger: logger),
      eventLoopGroup: group, logger: logger)
    try await server.run()
  }
}
