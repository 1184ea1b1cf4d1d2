import Backend
import Edge
import RPC

/// The page that says which parts of the portal answer.
package struct StatusPage: Sendable {
  /// Asks each service; nil when nothing is wrong with it.
  package typealias Look = @Sendable () async -> [(name: String, problem: String?)]

  struct Row: Sendable {
    let name: String
    let state: StatePill
  }

  private static let names = [
    "auth": "Accounts and access tokens", "vault": "Keys", "audit": "Audit log",
  ]

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/status", .page) { exchange in
        let services = await portal.look().map { service in
          Row(
            name: Self.names[service.name] ?? service.name,
            state: service.problem == nil
              ? StatePill("Answers", .good) : StatePill("Not answering", .bad))
        }
        return try await portal.anyonesPage(
          exchange, "status", title: "State of the services",
          ["services": [Row(name: "Portal", state: StatePill("Answers", .good))] + services])
      }
    ]
  }
}
