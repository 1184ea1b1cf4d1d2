import ArgumentParser
import Logging
import NIOPosix
import RPCInterop
import RPCServices
import RPCTransport
import UnixSignals

/// Serves `grpc.testing.TestService` to any gRPC client until SIGINT or SIGTERM.
@main
struct InteropServer: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "interop-server", abstract: "Serves gRPC's interoperability tests.")

  @OptionGroup var options: ServerOptions

  func run() async throws {
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
    let health = InteropServices.makeHealth()
    let server = RPCServer(
      try options.configuration(),
      services: InteropServices.all(serverID: "interop-server-\(getpid())", health: health),
      eventLoopGroup: MultiThreadedEventLoopGroup(numberOfThreads: options.threads),
      logger: options.logger)
    let port = try await server.start()
    try StandardOutput.write(line: "listening on \(options.host):\(port)")
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run() }
      group.addTask {
        for await _ in signals {
          health.beginGracefulShutdown()
          server.beginGracefulShutdown()
        }
      }
      try await group.next()
      group.cancelAll()
    }
  }
}
