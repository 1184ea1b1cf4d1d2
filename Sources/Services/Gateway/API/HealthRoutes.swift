package import Backend
package import Edge
import Encodings
import HTTPTypes
import Hummingbird
import NIOCore
import RPC

/// Health checks for whoever runs the gateway.
package struct HealthRoutes: Sendable {
  /// How long a service may take to answer a readiness check.
  static let checkTimeout: Duration = .seconds(2)

  /// The standard health check. Any answer, also that there is no such method, says that the
  /// service is there.
  private static let check = MethodDescriptor(
    service: "grpc.health.v1.Health", method: "Check", shape: .unary)

  let services: Services
  let isStopping: @Sendable () -> Bool

  /// - Parameter isStopping: whether load balancers are to send requests elsewhere.
  package init(services: Services, isStopping: @escaping @Sendable () -> Bool = { false }) {
    self.services = services
    self.isStopping = isStopping
  }

  package func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/healthz", .plain) { _ in
        JSONRoutes.response(Array(#"{"status":"ok"}"#.utf8), status: .ok)
      },
      try Edge.Route(["GET"], "/readyz", .plain) { _ in await readiness() },
    ]
  }

  private func readiness() async -> Response {
    let states = await withTaskGroup(of: (String, Bool).self) { group in
      for (name, channel) in services.channels {
        group.addTask { (name, await Self.isReachable(channel)) }
      }
      return await group.reduce(into: [(String, Bool)]()) { $0.append($1) }
    }
    let isStopping = isStopping()
    let isReady = !isStopping && states.allSatisfy(\.1)
    let members = states.sorted { $0.0 < $1.0 }.map { name, isReachable in
      (name: name, value: JSONText.string(isReachable ? "ok" : "unreachable"))
    }
    let document = JSONText.object([
      ("status", JSONText.string(isReady ? "ok" : isStopping ? "stopping" : "unavailable")),
      ("services", JSONText.object(members)),
    ])
    return JSONRoutes.response(
      Array(document.utf8), status: isReady ? .ok : .serviceUnavailable)
  }

  private static func isReachable(_ channel: any RPCChannel) async -> Bool {
    do {
      _ = try await channel.unary(
        check, request: ByteBuffer(), options: CallOptions(timeout: checkTimeout))
      return true
    } catch {
      return ![.unavailable, .deadlineExceeded, .cancelled].contains(error.code)
    }
  }
}
