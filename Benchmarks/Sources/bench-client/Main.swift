import Glibc
import Logging
import NIOPosix
import RPC
import RPCTransport

/// The load that our client makes, and what it cost this process:
/// `bench-client PORT get|source|sink|echo TASKS loop|pool SECONDS CHUNK_BYTES`.
///
/// `TASKS` callers, or streams, at one time on one connection; on the connection's event loop, or
/// on Swift's pool. One line with the outcome.
@main
enum BenchClient {
  static func main() async {
    let logger = Logger(label: "bench-client")
    guard let arguments = Arguments(CommandLine.arguments.dropFirst()) else {
      logger.critical(
        "usage: bench-client PORT get|source|sink|echo TASKS loop|pool SECONDS CHUNK_BYTES")
      exit(EX_USAGE)
    }
    signal(SIGPIPE, SIG_IGN)
    let eventLoop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
    let client = RPCClient(
      RPCClientConfiguration(host: "127.0.0.1", port: arguments.port, tls: nil),
      interceptors: [ClientTracingInterceptor()], eventLoopGroup: eventLoop, logger: logger)
    let load = Load(arguments, client: client, eventLoop: eventLoop)
    do {
      let warmUp = try await load.run(for: Load.warmUp)
      let outcome = try await load.run(for: arguments.duration)
      print("\(outcome) all_units \(warmUp.units + outcome.units)")
    } catch {
      logger.critical("a call failed: \(error)")
      exit(EXIT_FAILURE)
    }
    exit(EX_OK)
  }
}
