import Cryptography
import FoundationEssentials
import Identity
import Testing

@testable import Vault

@Suite struct KeyringTests {
  private let userID = UserID(UUID())

  @Test func anOlderKeyStillUnwraps() throws {
    let old = try MasterKey.generate()
    let new = try MasterKey.generate()
    let wrapped = try Keyring(current: old).createDataKey(for: userID)
    let rotated = Keyring(current: new, previous: [old])
    #expect(try rotated.unwrap(wrapped).id == wrapped.id)
    #expect(try rotated.createDataKey(for: userID).keyEncryptionKeyID == new.identifier)
  }

  @Test func aMissingKeyIsNamedForTheOperator() throws {
    let old = try MasterKey.generate()
    let wrapped = try Keyring(current: old).createDataKey(for: userID)
    let keyring = Keyring(current: try MasterKey.generate())
    #expect(!keyring.holds(old.identifier))
    let detail = "data key \(wrapped.id) needs master key \(old.identifier)"
    #expect(throws: VaultError.cannotOpen(detail: detail)) { try keyring.unwrap(wrapped) }
  }

  @Test func theCacheIsBoundedAndForgets() throws {
    let keyring = Keyring(current: try MasterKey.generate())
    let cache = DataKeyCache(keysMax: 8)
    var unwraps = 0
    func use(_ wrapped: WrappedDataKey) throws {
      _ = try cache.key(wrapped) { (wrapped) throws(VaultError) in
        unwraps += 1
        return try keyring.unwrap(wrapped)
      }
    }
    let first = try keyring.createDataKey(for: userID)
    try use(first)
    try use(first)
    #expect(unwraps == 1)
    for _ in 0..<100 {
      try use(try keyring.createDataKey(for: userID))
      #expect(cache.count <= 8)
      try use(first)
    }
    // Used all along, so it was never dropped.
    #expect(unwraps == 101)
    let later = ContinuousClock.now + DataKeyCache.lifetime
    cache.dropIdle(at: later)
    cache.dropIdle(at: later + DataKeyCache.lifetime)
    #expect(cache.count == 0)
  }

  @Test func theCacheNeverLendsAnothersKey() throws {
    let keyring = Keyring(current: try MasterKey.generate())
    let cache = DataKeyCache()
    let own = try keyring.createDataKey(for: userID)
    _ = try cache.key(own) { (wrapped) throws(VaultError) in try keyring.unwrap(wrapped) }
    let claimed = WrappedDataKey(
      id: own.id, userID: UserID(UUID()), keyEncryptionKeyID: own.keyEncryptionKeyID,
      wrapped: own.wrapped)
    #expect(throws: VaultError.self) {
      try cache.key(claimed) { (wrapped) throws(VaultError) in try keyring.unwrap(wrapped) }
    }
  }
}
