import Cryptography
import FoundationEssentials
import Identity
import Testing

@testable import Vault

/// A ciphertext opens where it was sealed and nowhere else.
@Suite struct BindingTests {
  private let vault: TestVault
  private let owner = TestVault.caller()

  init() throws { vault = try TestVault() }

  private func row(_ config: ProviderConfig) throws -> StoredConfig {
    try #require(vault.store.stored.first { $0.config.id == config.id })
  }

  private func expectUnopened(
    _ provider: String = "custom", label: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
  ) async {
    let error = await #expect(throws: VaultError.self, sourceLocation: sourceLocation) {
      try await vault.resolve(provider, label: label, for: owner)
    }
    guard case .cannotOpen = error else {
      Issue.record("\(String(describing: error))", sourceLocation: sourceLocation)
      return
    }
  }

  private func ownConfig(label: String = "") async throws -> ProviderConfig {
    try await vault.create(
      "custom", label: label, baseURL: "https://llm.example.org/v1", for: owner)
  }

  @Test func aKeyMovedToAnotherRowDoesNotOpen() async throws {
    let source = try row(try await ownConfig(label: "a"))
    var target = try row(try await ownConfig(label: "b"))
    target.sealedKey = source.sealedKey
    vault.store.tamper(target)
    await expectUnopened(label: "b")
  }

  @Test func aKeyMovedToAnotherUserDoesNotOpen() async throws {
    let stranger = TestVault.caller()
    let source = try row(
      try await vault.create("custom", baseURL: "https://llm.example.org/v1", for: stranger))
    var target = try row(try await ownConfig())
    // With the ciphertext alone, and with the stranger's wrapped data key too.
    target.sealedKey = source.sealedKey
    target.sealedBaseURL = source.sealedBaseURL
    vault.store.tamper(target)
    await expectUnopened()
    target.dataKey = source.dataKey
    vault.store.tamper(target)
    await expectUnopened()
    target.dataKey = WrappedDataKey(
      id: source.dataKey.id, userID: owner.userID,
      keyEncryptionKeyID: source.dataKey.keyEncryptionKeyID, wrapped: source.dataKey.wrapped)
    vault.store.tamper(target)
    await expectUnopened()
  }

  @Test func aKeyMovedToAnotherProviderDoesNotOpen() async throws {
    var target = try row(try await ownConfig())
    target.config.provider = "openai"
    vault.store.tamper(target)
    await expectUnopened("openai")
  }

  @Test func aKeyMovedToAnotherOriginDoesNotOpen() async throws {
    var target = try row(try await ownConfig())
    target.config.origin = "https://evil.example.net:443"
    vault.store.tamper(target)
    await expectUnopened()
  }

  @Test func aKeyIsNotSentToTheCatalogueAfterItsEndpointWasRemoved() async throws {
    let config = try await vault.create(baseURL: "https://llm.example.org/v1", for: owner)
    var target = try row(config)
    target.sealedBaseURL = nil
    vault.store.tamper(target)
    await #expect(throws: VaultError.endpointChanged(provider: "openai")) {
      try await vault.resolve(for: owner)
    }
  }

  @Test func aFieldDoesNotOpenAsAnother() async throws {
    var target = try row(try await ownConfig())
    target.sealedKey = try #require(target.sealedBaseURL)
    vault.store.tamper(target)
    await expectUnopened()
  }

  @Test func everyTamperedByteIsRefused() async throws {
    let intact = try row(try await ownConfig())
    for index in intact.sealedKey.stored.indices {
      for bit in [UInt8(0x01), 0x80] {
        var bytes = intact.sealedKey.stored
        bytes[index] ^= bit
        var target = intact
        target.sealedKey = SealedField(stored: bytes)
        vault.store.tamper(target)
        await expectUnopened()
      }
    }
  }

  @Test func everyTruncationIsRefused() async throws {
    let intact = try row(try await ownConfig())
    for count in 0..<intact.sealedKey.stored.count {
      var target = intact
      target.sealedKey = SealedField(stored: Array(intact.sealedKey.stored.prefix(count)))
      vault.store.tamper(target)
      await expectUnopened()
    }
  }

  @Test func everyTamperedByteOfAWrappedKeyIsRefused() throws {
    let keyring = Keyring(current: vault.masterKey)
    let intact = try keyring.createDataKey(for: owner.userID)
    _ = try keyring.unwrap(intact)
    for index in intact.wrapped.indices {
      var bytes = intact.wrapped
      bytes[index] ^= 0x01
      let tampered = WrappedDataKey(
        id: intact.id, userID: intact.userID, keyEncryptionKeyID: intact.keyEncryptionKeyID,
        wrapped: bytes)
      #expect(throws: VaultError.self) { try keyring.unwrap(tampered) }
    }
    for moved in [
      WrappedDataKey(
        id: UUID(), userID: intact.userID, keyEncryptionKeyID: intact.keyEncryptionKeyID,
        wrapped: intact.wrapped),
      WrappedDataKey(
        id: intact.id, userID: UserID(UUID()), keyEncryptionKeyID: intact.keyEncryptionKeyID,
        wrapped: intact.wrapped),
    ] {
      #expect(throws: VaultError.self) { try keyring.unwrap(moved) }
    }
  }

  @Test func sealingTwiceNeverGivesTheSameBytes() async throws {
    let first = try row(try await ownConfig(label: "a")).sealedKey.stored
    let second = try row(try await ownConfig(label: "b")).sealedKey.stored
    #expect(first != second)
    #expect(first.count == 1 + 16 + 12 + TestVault.key.utf8.count + 16)
  }

  @Test func associatedDataIsUnambiguous() {
    let split = AssociatedData.encode([Array("ab".utf8), Array("c".utf8)])
    let shifted = AssociatedData.encode([Array("a".utf8), Array("bc".utf8)])
    #expect(split != shifted)
    #expect(split == [0, 0, 0, 2, 0x61, 0x62, 0, 0, 0, 1, 0x63])
  }
}
