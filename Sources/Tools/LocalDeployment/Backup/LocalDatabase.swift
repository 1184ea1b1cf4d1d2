import Foundation

/// The database of `chatelaine up`, whether or not that runs.
package struct LocalDatabase: Sendable {
  private let state: StateDirectory
  private let cluster: PostgresCluster

  package init(_ state: StateDirectory) throws {
    self.state = state
    cluster = try state.cluster()
  }

  /// Lends the database of a deployment that is there. One that doesn't run is started for that,
  /// without its services.
  ///
  /// - Throws: `DeploymentError.file` when there is none.
  package func withExisting<Value: Sendable>(
    _ body: (OwnedDatabase) async throws -> Value
  ) async throws -> Value {
    guard access(cluster.dataDirectory + "/PG_VERSION", F_OK) == 0 else {
      throw DeploymentError.file(
        path: state.path, reason: "holds no deployment; name another with --state-dir")
    }
    let lock: FileLock
    do {
      lock = try FileLock(path: state.lockFile, protecting: state.path)
    } catch DeploymentError.inUse {
      return try await body(OwnedDatabase(state: state))
    }
    defer { withExtendedLifetime(lock) {} }
    return try await whileRunning(body)
  }

  /// Lends the database of a deployment that doesn't run, with its roles and empty schemas; made
  /// when it is missing, and then taken away again where `body` fails.
  ///
  /// - Throws: `DeploymentError.inUse` while the deployment runs.
  package func withStopped<Value: Sendable>(
    _ body: (OwnedDatabase) async throws -> Value
  ) async throws -> Value {
    try state.create()
    let lock = try FileLock(path: state.lockFile, protecting: state.path)
    defer { withExtendedLifetime(lock) {} }
    let isNew = access(cluster.dataDirectory, F_OK) != 0
    do {
      return try await whileRunning(body)
    } catch {
      if isNew { try? FileManager.default.removeItem(atPath: cluster.directory) }
      throw error
    }
  }

  private func whileRunning<Value: Sendable>(
    _ body: (OwnedDatabase) async throws -> Value
  ) async throws -> Value {
    try await cluster.start()
    do {
      try await state.provisionRoles(on: cluster)
      let value = try await body(OwnedDatabase(state: state))
      try await cluster.stop()
      return value
    } catch {
      try? await cluster.stop()
      throw error
    }
  }
}
