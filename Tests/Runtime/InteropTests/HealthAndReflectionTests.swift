import LocalDeployment
import Logging
import NIOCore
import NIOPosix
import RPC
import RPCInterop
import RPCServices
import RPCTransport
import Testing

/// grpcio's clients of the standard services against ours.
@Suite struct HealthAndReflectionTests {
  private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

  @Test(arguments: ["list", "call", "version", "health"])
  func aToolFindsItsWay(_ action: String) async throws {
    _ = try await ListeningProcess.run(.built("interop-server", [])) { server in
      let (output, _) = try await browse(server.port, action)
      #expect(output == "ok\n")
    }
  }

  @Test func aServerThatDrainsSaysSoAndEndsItsCalls() async throws {
    let (printed, exit) = try await ListeningProcess.run(
      .built("interop-server", [])
    ) { server in
      let (output, _) = try await browse(server.port, "drain", "\(server.id)")
      #expect(output == "ok\n")
    }
    #expect(exit == .code(0), "\(printed)")
  }

  @Test func checkSaysNotServingWhileDraining() async throws {
    let health = InteropServices.makeHealth()
    let server = RPCServer(
      RPCServerConfiguration(host: "127.0.0.1", port: 0, tls: nil),
      services: InteropServices.all(serverID: "test", health: health),
      eventLoopGroup: Self.group,
      logger: Logger(label: "interop") { _ in SwiftLogNoOpLogHandler() })
    let port = try await server.start()
    let running = Task { try await server.run() }
    let before = try await browse(port, "status", "SERVING")
    health.beginGracefulShutdown()
    let after = try await browse(port, "status", "NOT_SERVING")
    running.cancel()
    _ = await running.result
    #expect(before.output == "ok\n")
    #expect(after.output == "ok\n")
  }

  private func browse(
    _ port: Int, _ arguments: String...
  ) async throws -> (output: String, exit: ProcessExit?) {
    try await Command.script("browse_server.py", ["\(port)"] + arguments).outcome()
  }
}
