import Foundation
import Testing

@testable import LocalDeployment

@Suite struct DatabaseRolesTests {
  @Test func eachRoleReachesItsOwnSchemaOnly() async throws {
    let scratch = try ScratchDirectory()
    let state = StateDirectory(scratch / "state")
    try state.create()
    let cluster = try state.cluster(durability: .relaxedForTests)
    try await cluster.start()
    try await state.provisionRoles(on: cluster)
    try await state.provisionRoles(on: cluster)

    for schema in DatabaseRoles.schemas {
      try await psql(
        state, as: DatabaseRoles.owner(of: schema),
        "CREATE TABLE things (value int); GRANT SELECT, INSERT ON things TO \(schema);")
      try await psql(state, as: schema, "INSERT INTO things VALUES (1);")
      #expect(try await psql(state, as: schema, "SELECT value FROM \(schema).things;") == "1\n")
      for forbidden in [
        "CREATE TABLE other (value int);", "DELETE FROM things;", "CREATE TABLE public.t (v int);",
        "CREATE TEMPORARY TABLE t (v int);", "CREATE SCHEMA mine;", "CREATE ROLE friend;",
        "SELECT pg_read_file('/etc/passwd');", "COPY things TO PROGRAM 'cat';",
      ] {
        await #expect(throws: DeploymentError.self, "\(schema): \(forbidden)") {
          try await psql(state, as: schema, forbidden)
        }
      }
      for other in DatabaseRoles.schemas where other != schema {
        for role in [schema, DatabaseRoles.owner(of: schema)] {
          await #expect(throws: DeploymentError.self, "\(role) reads \(other)") {
            try await psql(state, as: role, "SELECT * FROM \(other).things;")
          }
          await #expect(throws: DeploymentError.self, "\(role) writes to \(other)") {
            try await psql(state, as: role, "CREATE TABLE \(other).mine (value int);")
          }
        }
      }
    }
    try await cluster.stop()
  }

  @Test func otherDatabasesAndWrongPasswordsAreRefused() async throws {
    let scratch = try ScratchDirectory()
    let state = StateDirectory(scratch / "state")
    try state.create()
    let cluster = try state.cluster(durability: .relaxedForTests)
    try await cluster.start()
    try await state.provisionRoles(on: cluster)
    let password = try #require(try SecretFile.readLine(state.passwordFile(of: "auth")))
    for url in [
      cluster.connectionURL(user: "auth", database: "postgres", password: password),
      cluster.connectionURL(user: "auth", database: "template1", password: password),
      cluster.connectionURL(user: "auth", database: "chatelaine", password: "wrong"),
      cluster.connectionURL(user: "chatelaine", database: "chatelaine", password: password),
      cluster.connectionURL(user: "auth", database: "chatelaine"),
    ] {
      await #expect(throws: DeploymentError.self) { try await psql(url, "SELECT 1;") }
    }
    try await cluster.stop()
  }

  @discardableResult
  private func psql(
    _ state: StateDirectory, as role: String, _ sql: String
  ) async throws -> String {
    let url = try #require(try SecretFile.readLine(state.databaseURLFile(of: role)))
    return try await psql(url, sql)
  }

  @discardableResult
  private func psql(_ url: String, _ sql: String) async throws -> String {
    try await Command(
      path: try PostgresInstallation().path("psql"),
      arguments: ["-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-c", sql, url],
      environment: ["PATH": "/usr/bin:/bin"]
    ).run()
  }
}
