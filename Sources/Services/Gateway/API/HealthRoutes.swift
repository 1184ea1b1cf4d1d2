package import Backend
package import Edge
import Encodings
import HTTPTypes
package import RPC
import RPCServices
import ServiceRuntime

/// Health checks for whoever runs the gateway.
package struct HealthRoutes: Sendable {
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

  /// Asks each service what keeps it from its work; by name.
  package static func problems(
    of services: Services
  ) async -> [(name: String, problem: String?)] {
    let states = await withTaskGroup(of: (String, ServiceProblem?).self) { group in
      for (name, channel) in services.channels {
        group.addTask { (name, await ServiceProblem(of: channel)) }
      }
      return await group.reduce(into: [(String, ServiceProblem?)]()) { $0.append($1) }
    }
    return states.sorted { $0.0 < $1.0 }.map { (name: $0.0, problem: $0.1?.rawValue) }
  }

  private func readiness() async -> Response {
    let states = await Self.problems(of: services)
    let isStopping = isStopping()
    let isReady = !isStopping && states.allSatisfy { $0.problem == nil }
    let members = states.map { name, problem in
      (name: name, value: JSONText.string(problem ?? "ok"))
    }
    let document = JSONText.object([
      ("status", JSONText.string(isReady ? "ok" : isStopping ? "stopping" : "unavailable")),
      ("services", JSONText.object(members)),
    ])
    return JSONRoutes.response(
      Array(document.utf8), status: isReady ? .ok : .serviceUnavailable)
  }
}

/// Why a service behind the gateway can't be called now.
package enum ServiceProblem: String, Error, CustomStringConvertible {
  case unreachable
  /// It answers, and says that it can't do its work: its database is gone, or it is about to stop.
  case notReady = "not ready"

  package var description: String { rawValue }

  /// Asks the service; nil when nothing is wrong.
  ///
  /// One of an earlier version doesn't know the name that is asked for: that it answers has to be
  /// enough.
  package init?(of channel: any RPCChannel) async {
    do throws(RPCError) {
      let answer = try await HealthAPI.HealthClient(channel: channel).check(
        HealthAPI.HealthCheckRequest(service: Readiness.serviceName),
        options: CallOptions(timeout: Readiness.checkTimeout))
      guard answer.status != .serving else { return nil }
      self = .notReady
    } catch {
      switch error.code {
      case .unavailable, .deadlineExceeded, .cancelled: self = .unreachable
      default: return nil
      }
    }
  }
}
