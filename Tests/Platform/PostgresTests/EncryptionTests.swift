import Postgres
import TestSupport
import Testing

@Suite struct EncryptionTests {
  @Test func sslmodeIsObeyed() async throws {
    let server = try await EncryptedServer.start()
    do {
      try await expectEncryption(server)
      await server.stop()
    } catch {
      await server.stop()
      throw error
    }
  }

  private func expectEncryption(_ server: EncryptedServer) async throws {
    let required = try PostgresConfiguration(url: server.url(sslmode: "require"))
    try await withClient(of: required) { client in
      try await pingUntilItAnswers(client)
      let version = try await client.first(
        "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl"
      ) { row throws(PostgresError) in try row.decode("version", as: String.self) }
      #expect(version == "TLSv1.3")
      // Many records, and values that span them.
      let value = String(repeating: "x", count: 1 << 20)
      let lengths = try await client.all(
        "SELECT \(value) || n AS value FROM generate_series(1, 5) AS n"
      ) { row throws(PostgresError) in try row.decode("value", as: String.self).utf8.count }
      #expect(lengths == Array(repeating: value.utf8.count + 1, count: 5))
    }
    let verified = try PostgresConfiguration(
      url: server.url(sslmode: "verify-full", options: "&sslrootcert=\(server.certificate)"))
    try await withClient(of: verified) { try await $0.expectAnswer() }

    let plain = try PostgresConfiguration(url: server.url(sslmode: "disable"))
    try await withClient(of: plain) { client in
      do throws(PostgresError) {
        try await client.expectAnswer()
        Issue.record("the server took a connection without TLS")
      } catch {
        guard case .connectionFailed = error else { throw error }
      }
    }
  }
}
