import Cryptography
import FoundationEssentials
import Identity
import Postgres
import Testing
import Vault

@testable import VaultServer

/// A key and its receipt are both there or both absent, wherever the database dies.
@Suite struct AtomicityTests {
  private let owner = PostgresVaultStoreTests.caller()
  private let new = NewConfig(
    provider: "openai", label: "", apiKey: PostgresVaultStoreTests.key, baseURL: nil)

  /// Has the server kill the connection at a step: while the receipt is written, or at COMMIT.
  private static func dieAtReceipt(
    _ database: VaultDatabase, when step: PostgresQuery
  ) async throws {
    try await database.superuser.execute(
      """
      CREATE FUNCTION vault.die() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
      BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$
      """)
    try await database.superuser.execute(step)
  }

  private func withVault(
    _ body: (VaultService, VaultDatabase) async throws -> Void
  ) async throws {
    try await VaultDatabase.with { database in
      let keyring = Keyring(current: try MasterKey.generate())
      _ = try await KeyRegister(postgres: database.postgres).check(keyring)
      try await body(VaultService(store: database.store, keyring: keyring), database)
    }
  }

  static let whileWriting: PostgresQuery = """
    CREATE TRIGGER die BEFORE INSERT ON vault.outbox
    FOR EACH ROW EXECUTE FUNCTION vault.die()
    """
  static let atCommit: PostgresQuery = """
    CREATE CONSTRAINT TRIGGER die AFTER INSERT ON vault.outbox
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION vault.die()
    """

  @Test(arguments: [true, false])
  func aCreationThatDiesLeavesNothing(atCommit: Bool) async throws {
    try await withVault { vault, database in
      try await Self.dieAtReceipt(
        database, when: atCommit ? Self.atCommit : Self.whileWriting)
      await #expect(throws: VaultError.self) {
        try await vault.create(new, for: owner, from: PostgresVaultStoreTests.origin)
      }
      #expect(try await database.count("SELECT count(*) FROM vault.provider_configs") == 0)
      #expect(try await database.count("SELECT count(*) FROM vault.outbox") == 0)

      try await database.superuser.execute("DROP TRIGGER die ON vault.outbox")
      _ = try await vault.create(new, for: owner, from: PostgresVaultStoreTests.origin)
      #expect(try await database.count("SELECT count(*) FROM vault.provider_configs") == 1)
      #expect(try await database.count("SELECT count(*) FROM vault.outbox") == 1)
    }
  }

  @Test(arguments: [true, false])
  func changesAndUsesThatDieChangeNothing(atCommit: Bool) async throws {
    try await withVault { vault, database in
      let config = try await vault.create(
        new, for: owner, from: PostgresVaultStoreTests.origin)
      let id = config.id.uuidString
      let before = try await database.store.storedConfig(
        provider: "openai", label: .default, of: owner.userID)
      try await Self.dieAtReceipt(
        database, when: atCommit ? Self.atCommit : Self.whileWriting)
      await #expect(throws: VaultError.self) {
        try await vault.delete(id, for: owner, from: PostgresVaultStoreTests.origin)
      }
      await #expect(throws: VaultError.self) {
        try await vault.update(
          id, ConfigPatch(label: "x", apiKey: "new-key", baseURL: nil, enabled: false),
          for: owner, from: PostgresVaultStoreTests.origin)
      }
      await #expect(throws: VaultError.self) {
        try await vault.resolve(
          provider: "openai", label: "", purpose: "", for: owner,
          from: PostgresVaultStoreTests.origin)
      }
      let after = try await database.store.storedConfig(
        provider: "openai", label: .default, of: owner.userID)
      #expect(after == before)
      #expect(try await database.count("SELECT count(*) FROM vault.outbox") == 1)
    }
  }

  @Test func aUseWhoseReceiptIsNotCommittedReleasesNoKey() async throws {
    try await withVault { vault, database in
      func use() async throws(VaultError) -> ResolvedCredential {
        try await vault.resolve(
          provider: "openai", label: "", purpose: "", for: owner,
          from: PostgresVaultStoreTests.origin)
      }
      _ = try await vault.create(new, for: owner, from: PostgresVaultStoreTests.origin)
      // Notes the time of use, so that the next receipts are statements of their own.
      _ = try await use()
      try await database.superuser.execute(
        """
        CREATE FUNCTION vault.fail() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'commit refused'; END $$
        """)
      try await database.superuser.execute(
        """
        CREATE CONSTRAINT TRIGGER failing AFTER INSERT ON vault.outbox
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION vault.fail()
        """)
      for _ in 0..<5 {
        await #expect(throws: VaultError.self) { _ = try await use() }
      }
      #expect(try await database.count("SELECT count(*) FROM vault.outbox") == 2)

      try await database.superuser.execute("DROP TRIGGER failing ON vault.outbox")
      _ = try await use()
      #expect(try await database.count("SELECT count(*) FROM vault.outbox") == 3)
    }
  }
}
