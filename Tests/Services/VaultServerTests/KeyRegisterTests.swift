import Cryptography
import FoundationEssentials
import Identity
import Postgres
import Testing
import Vault

@testable import VaultServer

@Suite struct KeyRegisterTests {
  private func store(_ keyring: Keyring, in database: VaultDatabase) async throws {
    let vault = VaultService(store: database.store, keyring: keyring)
    _ = try await vault.create(
      NewConfig(
        provider: "openai", label: "", apiKey: PostgresVaultStoreTests.key, baseURL: nil),
      for: PostgresVaultStoreTests.caller(), from: PostgresVaultStoreTests.origin)
  }

  @Test func aDatabaseOfWhichNothingOpensIsRefused() async throws {
    try await VaultDatabase.with { database in
      let register = KeyRegister(postgres: database.postgres)
      let keyring = Keyring(current: try MasterKey.generate())
      _ = try await register.check(keyring)
      for _ in 0..<2 { try await store(keyring, in: database) }
      let damage: PostgresQuery = """
        UPDATE vault.data_keys SET wrapped = set_byte(wrapped, 20, 255 - get_byte(wrapped, 20))
        """
      try await database.superuser.execute(
        "\(damage) WHERE id = (SELECT id FROM vault.data_keys LIMIT 1)")
      #expect(try await register.check(keyring).isEmpty)
      try await database.superuser.execute(
        "UPDATE vault.data_keys SET wrapped = '\\x00'")
      await #expect(
        throws: KeyRegisterError.nothingOpens(keyID: keyring.currentID, tried: 2)
      ) {
        try await register.check(keyring)
      }
    }
  }

  @Test func aStrangeMasterKeyIsRefusedAndTheNeededOneNamed() async throws {
    try await VaultDatabase.with { database in
      let register = KeyRegister(postgres: database.postgres)
      let first = try MasterKey.generate()
      let other = try MasterKey.generate()
      // Nothing is stored yet: any key will do.
      #expect(try await register.check(Keyring(current: first)).isEmpty)
      #expect(try await register.check(Keyring(current: other)).isEmpty)
      try await store(Keyring(current: first), in: database)

      let refusal = KeyRegisterError.newestKeyMissing(
        needed: first.identifier, current: other.identifier)
      await #expect(throws: refusal) { try await register.check(Keyring(current: other)) }
      #expect("\(refusal)".contains(first.identifier))
      let rotated = Keyring(current: other, previous: [first])
      #expect(try await register.check(rotated).isEmpty)

      // Newer data keys under the new key: the old one missing is no reason to stay down.
      try await store(rotated, in: database)
      let missing = try await register.check(Keyring(current: other))
      #expect(missing == [first.identifier])
    }
  }
}
