import Foundation
package import LocalDeployment
package import Postgres
import Synchronization

/// A private PostgreSQL cluster for tests, started when first asked for and gone with the process.
///
/// Most tests share one and get a database of their own. A test that freezes, stops or fills the
/// server makes one for itself.
package final class TestPostgres: Sendable {
  package static let shared = TestPostgres()

  private struct State {
    var cluster: Task<PostgresCluster, any Error>?
    var databaseCount = 0
    var templates: [String: Task<String, any Error>] = [:]
  }
  private let state = Mutex(State())
  private let name: String

  package init() {
    name = "chatelaine-test-postgres-\(UUID().uuidString.prefix(8).lowercased())"
  }

  /// The configuration of a superuser for a new, empty database.
  package func database() async throws -> PostgresConfiguration {
    try await database(copyOf: "template1")
  }

  /// The configuration of a superuser for a new database that is a copy of a template.
  ///
  /// - Parameters:
  ///   - template: what the template is called; made when it is first asked for.
  ///   - prepare: fills the empty database that it is given, and leaves no connection to it open.
  package func database(
    copying template: String, preparedBy prepare: @escaping @Sendable (String) async throws -> Void
  ) async throws -> PostgresConfiguration {
    let making = state.withLock { state in
      if let making = state.templates[template] { return making }
      // Unstructured for the same reason as the cluster.
      let making = Task {
        let name = "template_\(template)"
        try await cluster().runScript("CREATE DATABASE \(name) STRATEGY file_copy;")
        try await prepare(name)
        return name
      }
      state.templates[template] = making
      return making
    }
    return try await database(copyOf: making.value)
  }

  private func database(copyOf template: String) async throws -> PostgresConfiguration {
    let cluster = try await cluster()
    let number = state.withLock { state in
      state.databaseCount += 1
      return state.databaseCount
    }
    let database = "test_\(number)"
    try await cluster.runScript(
      "CREATE DATABASE \(database) TEMPLATE \(template) STRATEGY file_copy;")
    return try PostgresConfiguration(url: cluster.superuserConnectionURL(database: database))
  }

  /// The running cluster.
  package func cluster() async throws -> PostgresCluster {
    let starting = state.withLock { state in
      if let cluster = state.cluster { return cluster }
      let name = name
      // Unstructured, because the first of several tests that ask must not take it along when it is
      // cancelled.
      let cluster = Task {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
        let cluster = try PostgresCluster(directory: directory, durability: .relaxedForTests)
        ClusterRemoval.atExit(cluster)
        try await cluster.start()
        return cluster
      }
      state.cluster = cluster
      return cluster
    }
    return try await starting.value
  }

  /// Stops every process of the server as a frozen machine would: connections stay open and nothing
  /// answers.
  package func freeze() async throws {
    // The postmaster first: it starts processes.
    for id in try await processes() { kill(id, SIGSTOP) }
  }

  package func thaw() async throws {
    for id in try await processes().reversed() { kill(id, SIGCONT) }
  }

  private func processes() async throws -> [Int32] {
    let cluster = try await cluster()
    guard let id = ClusterRemoval.postmaster(of: cluster.dataDirectory) else { return [] }
    let children = try String(contentsOfFile: "/proc/\(id)/task/\(id)/children", encoding: .utf8)
    return [id] + children.split(separator: " ").compactMap { Int32($0) }
  }
}

/// Stops clusters and removes their files when the process exits.
private enum ClusterRemoval {
  private struct Cluster {
    let directory: String
    let dataDirectory: String
    let socketDirectory: String
  }
  private static let clusters = Mutex<[Cluster]>([])

  static func atExit(_ cluster: PostgresCluster) {
    let isFirst = clusters.withLock { clusters in
      clusters.append(
        Cluster(
          directory: cluster.directory, dataDirectory: cluster.dataDirectory,
          socketDirectory: cluster.socketDirectory))
      return clusters.count == 1
    }
    if isFirst { atexit { ClusterRemoval.removeAll() } }
  }

  static func postmaster(of dataDirectory: String) -> Int32? {
    let text = try? String(contentsOfFile: dataDirectory + "/postmaster.pid", encoding: .utf8)
    return text?.split(separator: "\n").first.flatMap { Int32($0) }
  }

  private static func removeAll() {
    let all = clusters.withLock { $0 }
    let servers = all.compactMap { postmaster(of: $0.dataDirectory) }
    // Nothing is worth keeping, so without a checkpoint; a frozen one must wake to obey.
    for id in servers {
      kill(id, SIGQUIT)
      kill(id, SIGCONT)
    }
    for id in servers {
      // The kernel tells a parent only; the server may be a grandchild.
      for _ in 0..<500 where kill(id, 0) == 0 { usleep(10_000) }
    }
    for cluster in all {
      try? FileManager.default.removeItem(atPath: cluster.directory)
      try? FileManager.default.removeItem(atPath: cluster.socketDirectory)
    }
  }
}
