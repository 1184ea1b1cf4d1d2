internal import RPCServices
internal import RPCTransport
internal import ServiceLifecycle

/// Runs an RPC server until the process is told to stop, then lets its calls end.
struct RPCServerService: Service {
  let server: RPCServer
  let health: HealthService
  let chassis: ServiceChassis

  func run() async throws {
    let port = try await server.start()
    try chassis.announceReady(port: port)
    try await withGracefulShutdownHandler {
      try await server.run()
    } onGracefulShutdown: {
      chassis.withdrawReady()
      // Before connections are asked to leave: who watches learns why, and watching ends.
      health.beginGracefulShutdown()
      server.beginGracefulShutdown()
    }
  }
}

/// Keeps a client's connections open until everything that calls through it has stopped.
struct RPCClientService: Service {
  let client: RPCClient

  func run() async throws {
    try await cancelWhenGracefulShutdown { try await client.run() }
  }
}
