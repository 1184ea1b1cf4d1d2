internal import Protobuf
package import RPC
package import RPCServices

/// What every service answers beside its own API, and to whom: `grpc.health.v1` and
/// `grpc.reflection`.
package struct StandardServices: Sendable {
  /// Every peer with a certificate of the mesh may ask whether a service is well: whoever would call
  /// or watch it has to know, and the answer says no more than that. Only an operator's tool may ask
  /// what there is to call: it describes the API to whoever asks.
  package static let allowedPeers: PeerAllowList.Rules = {
    let reflection = ReflectionService.allVersions(describing: [])
      .flatMap { $0.methodHandlers.map(\.descriptor) }
    return PeerAllowList.rules(HealthAPI.HealthMethods.all, allow: .anyVerifiedPeer)
      .merging(PeerAllowList.rules(reflection, allow: [PeerIdentity.operator])) { $0.union($1) }
  }()

  package let health: HealthService
  /// These and those that they are about.
  package let all: [any RPCService]

  /// The process as a whole (`""`) and each of `services` serve until `health` is told to end.
  package init(beside services: [any RPCService]) {
    let names = services.flatMap { $0.methodHandlers.map(\.descriptor.service) }
    health = HealthService(
      Dictionary(([""] + names).map { ($0, .serving) }, uniquingKeysWith: { first, _ in first }))
    let described = services + [health]
    all = described + ReflectionService.allVersions(describing: described)
  }
}
