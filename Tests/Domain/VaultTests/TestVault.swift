import Cryptography
import FoundationEssentials
import Identity
import Receipts
import Synchronization
import Vault

/// A vault in memory with a clock that tests move.
final class TestVault: Sendable {
  static let key = "sk-proj-0123456789abcdefABCDEF-canary"
  static let origin = CallOrigin(ipAddress: "192.0.2.7", userAgent: "curl/8", requestID: "r-7")

  let store = InMemoryVaultStore()
  let service: VaultService
  let masterKey: MasterKey
  private let clock = TestClock()

  init() throws {
    masterKey = try MasterKey.generate()
    service = VaultService(
      store: store, keyring: Keyring(current: masterKey), clock: { [clock] in clock.now })
  }

  func advance(seconds: Double) { clock.advance(seconds: seconds) }

  static func caller() -> Caller {
    Caller(
      userID: UserID(UUID()), email: "owner@example.org", credential: .session(UUID()),
      confirmTime: .distantFuture)
  }

  func create(
    _ provider: String = "openai", label: String = "", key: String = TestVault.key,
    baseURL: String? = nil, storeAnyway: Bool = true, for caller: Caller
  ) async throws -> ProviderConfig {
    advance(seconds: 1)
    return try await service.create(
      NewConfig(
        provider: provider, label: label, apiKey: key, baseURL: baseURL, storeAnyway: storeAnyway),
      for: caller, from: Self.origin)
  }

  func update(
    _ config: ProviderConfig, label: String? = nil, key: String? = nil, baseURL: String? = nil,
    enabled: Bool? = nil, storeAnyway: Bool = true, for caller: Caller
  ) async throws -> ProviderConfig {
    advance(seconds: 1)
    return try await service.update(
      config.id.uuidString,
      ConfigPatch(
        label: label, apiKey: key, baseURL: baseURL, enabled: enabled, storeAnyway: storeAnyway),
      for: caller, from: Self.origin)
  }

  func setEnabled(
    _ config: ProviderConfig, to enabled: Bool, for caller: Caller
  ) async throws
    -> ProviderConfig
  {
    try await service.setEnabled(
      config.id.uuidString, to: enabled, for: caller, from: Self.origin)
  }

  func resolve(
    _ provider: String = "openai", label: String = "", purpose: String = "POST /v1/models",
    for caller: Caller
  ) async throws -> ResolvedCredential {
    try await service.resolve(
      provider: provider, label: label, purpose: purpose, for: caller, from: Self.origin)
  }

  func importConfig(
    _ provider: String = "openai", key: String = TestVault.key, baseURL: String? = nil,
    validateOnly: Bool = false, for caller: Caller
  ) async throws -> ImportResult {
    try await service.importConfig(
      NewConfig(provider: provider, label: "", apiKey: key, baseURL: baseURL),
      validateOnly: validateOnly, for: caller, from: Self.origin)
  }
}

/// A clock that moves when told to.
final class TestClock: Sendable {
  private let time = Mutex(Date(timeIntervalSince1970: 1_700_000_000))

  var now: Date { time.withLock { $0 } }

  func advance(seconds: Double) { time.withLock { $0 += seconds } }
}

extension SecretBytes {
  /// The secret as text: only tests look at it.
  var revealed: String { withUTF8String { $0 } }
}
