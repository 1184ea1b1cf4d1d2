import Protobuf
package import RPC
package import RPCServices
import RPCTransport
import ServiceLifecycle

/// Runs an RPC server until the process is told to stop, then lets its calls end.
struct RPCServerService: Service {
  let server: RPCServer
  let health: HealthService
  let chassis: ServiceChassis

  func run() async throws {
    // So that who waits for readiness finds it, or learns what is wrong.
    await chassis.observability.readiness.look()
    let port = try await server.start()
    try chassis.announceReady(port: port)
    // Before connections are asked to leave: who watches learns why, and watching ends.
    chassis.shutdownNotice.onBegin { health.beginGracefulShutdown() }
    try await withGracefulShutdownHandler {
      try await server.run()
    } onGracefulShutdown: {
      chassis.withdrawReady()
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

/// What every service answers beside its own API, and to whom: `grpc.health.v1` and
/// `grpc.reflection`.
package struct StandardServices: Sendable {
  /// Every peer with a certificate of the mesh may ask whether a service is well: whoever would
  /// call or watch it has to know, and the answer says no more than that. Only an operator's tool
  /// may ask what there is to call: it describes the API to whoever asks.
  package static func allowedPeers(operators: Set<String>) -> PeerAllowList.Rules {
    let reflection = ReflectionService.allVersions(describing: [])
      .flatMap { $0.methodHandlers.map(\.descriptor) }
    return PeerAllowList.rules(HealthAPI.HealthMethods.all, allow: .anyVerifiedPeer)
      .merging(PeerAllowList.rules(reflection, allow: .named(operators))) { $0.union($1) }
  }

  package let health: HealthService
  /// These and those that they are about.
  package let all: [any RPCService]
  /// The names whose status says whether the service can do its work; `""` says whether it lives.
  let namesByReadiness: [String]

  /// The process as a whole (`""`) and each of `services` serve until `health` is told otherwise.
  package init(beside services: [any RPCService]) {
    let names = services.flatMap { $0.methodHandlers.map(\.descriptor.service) }
    namesByReadiness = Set(names).sorted() + [Readiness.serviceName]
    health = HealthService(
      Dictionary(([""] + names).map { ($0, .serving) }, uniquingKeysWith: { first, _ in first }))
    let described = services + [health]
    all = described + ReflectionService.allVersions(describing: described)
  }
}

/// Which calls a server answers and how it knows for whom they are: what the chassis can't know.
package struct CallPolicy: Sendable {
  /// Who may call the service's own methods; who may call the standard ones is the same everywhere.
  package var rules: PeerAllowList.Rules
  /// Identities of peers that may ask what there is to call.
  package var operators: Set<String>
  /// The metadata key under which a call brings the id of the request that it belongs to.
  package var requestIDKey: String
  /// Finds out for whom a peer calls; without one no call has a caller.
  package var callers: (any ServerInterceptor)?
  /// Hears of the calls of peers that may not make them; it must not wait.
  package var onRefusal: @Sendable (Peer, MethodDescriptor) -> Void

  package init(
    rules: PeerAllowList.Rules, operators: Set<String>, requestIDKey: String,
    callers: (any ServerInterceptor)?,
    onRefusal: @escaping @Sendable (Peer, MethodDescriptor) -> Void = { _, _ in }
  ) {
    self.rules = rules
    self.operators = operators
    self.requestIDKey = requestIDKey
    self.callers = callers
    self.onRefusal = onRefusal
  }
}
