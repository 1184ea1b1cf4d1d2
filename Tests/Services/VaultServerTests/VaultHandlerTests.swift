import Callers
import Cryptography
import FoundationEssentials
import Identity
import Postgres
import Protobuf
import RPC
import RPCInProcess
import ServiceAPI
import ServiceRuntime
import Testing
import Vault

@testable import VaultServer

/// The whole vault behind its interceptors, called as the gateway and an operator call it.
@Suite struct VaultHandlerTests {
  private let signer: AssertionSigner

  init() throws { signer = AssertionSigner(key: try Ed25519.SigningKey.generate()) }

  private func withVault(
    _ body: (_ database: VaultDatabase, _ channel: (String) -> VaultAPI.VaultClient) async throws
      -> Void
  ) async throws {
    try await VaultDatabase.with { database in
      let keyring = Keyring(current: try MasterKey.generate())
      _ = try await KeyRegister(postgres: database.postgres).check(keyring)
      let handler = VaultHandler(vault: VaultService(store: database.store, keyring: keyring))
      let interceptors = ServiceChassis.interceptors(
        VaultServer.callPolicy(
          AssertionVerifier(publicKeys: [signer.verifyingKey], audience: .vault)),
        logger: .quiet)
      try await body(database) { identity in
        VaultAPI.VaultClient(
          channel: InProcessChannel(
            services: [handler], interceptors: interceptors,
            peer: Peer(address: "test", identities: [identity])))
      }
    }
  }

  private func acting(as caller: Caller) throws -> CallOptions {
    .acting(
      with: try signer.sign(caller, audience: [.vault], lifetime: .seconds(60)).bytes,
      origin: PostgresVaultStoreTests.origin)
  }

  private var request: VaultAPI.CreateProviderConfigRequest {
    VaultAPI.CreateProviderConfigRequest(
      provider: "openai", apiKey: PostgresVaultStoreTests.key)
  }

  @Test func whatATokenMayDoIsReadFromItsSignedAssertion() async throws {
    try await withVault { database, client in
      let gateway = client(PeerIdentity.gateway)
      let owner = PostgresVaultStoreTests.caller()
      func token(_ scopes: Scope...) throws -> CallOptions {
        try acting(
          as: Caller(
            userID: owner.userID, email: owner.email, credential: .accessToken(UUID()),
            scopes: Scopes(scopes)))
      }
      let config = try await gateway.createProviderConfig(request, options: token(.manage))
      _ = try await gateway.resolveCredential(
        .init(provider: "openai", purpose: "POST /v1/models"), options: token(.use))
      for (name, call) in [
        ("create", { _ = try await gateway.createProviderConfig(request, options: token(.use)) }),
        ("list", { _ = try await gateway.listProviderConfigs(.init(), options: token(.use)) }),
        (
          "delete",
          { _ = try await gateway.deleteProviderConfig(.init(id: config.id), options: token(.use)) }
        ),
        (
          "use",
          {
            _ = try await gateway.resolveCredential(
              .init(provider: "openai", purpose: "GET /"), options: token(.manage, .readAudit))
          }
        ),
      ] as [(String, () async throws -> Void)] {
        let error = await #expect(throws: RPCError.self, "\(name)") { try await call() }
        #expect(error?.code == .permissionDenied, "\(name)")
      }
      let denied = try await database.receipts().filter { $0.outcome == .denied }
      #expect(
        denied.map(\.action) == [
          "provider-config.create", "provider-config.list", "provider-config.delete",
          "credential.resolve",
        ])
    }
  }

  @Test func aKeyGoesInAndComesOutForItsOwner() async throws {
    try await withVault { database, client in
      let gateway = client(PeerIdentity.gateway)
      let owner = PostgresVaultStoreTests.caller()
      let config = try await gateway.createProviderConfig(request, options: acting(as: owner))
      #expect(config.maskedKey == "sk-…nary")
      #expect(config.label == "default")
      #expect(config.enabled)
      #expect(config.createTime != nil)
      #expect(config.lastUseTime == nil)
      let resolved = try await gateway.resolveCredential(
        VaultAPI.ResolveCredentialRequest(provider: "openai", purpose: "POST /v1/models"),
        options: acting(as: owner))
      #expect(resolved.apiKey == PostgresVaultStoreTests.key)
      #expect(resolved.configId == config.id)
      let receipt = try #require(try await database.receipts().last)
      #expect(receipt.ipAddress == PostgresVaultStoreTests.origin.ipAddress)
      #expect(receipt.requestId == PostgresVaultStoreTests.origin.requestID)
      #expect(receipt.accountId == owner.userID.text)
      #expect(receipt.actor?.name == owner.email)
    }
  }

  @Test func theEndOfAUseIsRecordedOnceForWhoeverWasGivenTheKey() async throws {
    try await withVault { database, client in
      let gateway = client(PeerIdentity.gateway)
      let owner = PostgresVaultStoreTests.caller()
      let config = try await gateway.createProviderConfig(request, options: acting(as: owner))
      func resolve() async throws -> [UInt8] {
        let resolved = try await gateway.resolveCredential(
          .init(provider: "openai", purpose: "POST /v1/models"), options: acting(as: owner))
        return resolved.useTicket
      }
      let (first, second) = try await (resolve(), resolve())
      func end(_ ticket: [UInt8], status: Int32) -> VaultAPI.UseEnd {
        VaultAPI.UseEnd(
          useTicket: ticket, status: status, firstByteMilliseconds: 300, milliseconds: 412,
          requestBytes: 17, responseBytes: 1_234)
      }
      var forged = second
      forged[40] ^= 1
      let answer = try await gateway.recordUses(
        .init(uses: [
          end(first, status: 200), end(forged, status: 200), end([], status: 200),
          end(second, status: 401), end(second, status: 7),
        ]))
      #expect(answer.recorded == 2)
      #expect(answer.refused == 3)
      _ = try await gateway.recordUses(.init(uses: [end(first, status: 500)]))

      let events = try await database.receipts()
      let resolves = events.filter { $0.action == "credential.resolve" }
      let uses = events.filter { $0.action == "credential.use" }
      #expect(uses.map(\.outcome) == [.success, .failure, .failure])
      #expect(uses[0].id == uses[2].id)
      #expect(uses[0].details?.fields["resolve"] == .string(resolves[0].id))
      #expect(uses[0].details?.fields["status"] == .number(200))
      #expect(uses[0].details?.fields["purpose"] == .string("POST /v1/models"))
      #expect(uses[1].details?.fields["reason"] == .string("error-status"))
      #expect(uses[1].details?.fields["resolve"] == .string(resolves[1].id))
      for use in uses {
        #expect(use.actor == resolves[0].actor)
        #expect(use.target == resolves[0].target)
        #expect(use.ipAddress == PostgresVaultStoreTests.origin.ipAddress)
        #expect(use.accountId == owner.userID.text)
      }
      let shown = try await gateway.getProviderConfig(
        .init(id: config.id), options: acting(as: owner))
      #expect(shown.health?.lastStatus == 500)
      #expect(shown.health?.consecutiveRefusals == 1)
      #expect(shown.health?.lastAnswerTime != nil)
      let listed = try await gateway.listProviderConfigs(.init(), options: acting(as: owner))
      #expect(listed.providerConfigs.first?.health == shown.health)
      let renamed = try await gateway.updateProviderConfig(
        .init(id: config.id, label: "work"), options: acting(as: owner))
      #expect(renamed.health == shown.health)
      let replaced = try await gateway.updateProviderConfig(
        .init(id: config.id, apiKey: "sk-another-0123456789"), options: acting(as: owner))
      #expect(replaced.health == nil)

      let denied = await #expect(throws: RPCError.self) {
        try await client(PeerIdentity.operator).recordUses(.init(uses: [end(first, status: 200)]))
      }
      #expect(denied?.code == .permissionDenied)
      let many = [VaultAPI.UseEnd](
        repeating: end(first, status: 200), count: VaultService.usesPerBatchMax + 1)
      let refused = await #expect(throws: RPCError.self) {
        try await gateway.recordUses(.init(uses: many))
      }
      #expect(refused?.code == .invalidArgument)
    }
  }

  @Test func anothersConfigurationIsAsAbsentAsNone() async throws {
    try await withVault { _, client in
      let gateway = client(PeerIdentity.gateway)
      let config = try await gateway.createProviderConfig(
        request, options: acting(as: PostgresVaultStoreTests.caller()))
      let stranger = try acting(as: PostgresVaultStoreTests.caller())
      for id in [config.id, UUID().uuidString.lowercased()] {
        let calls: [() async throws -> Void] = [
          { _ = try await gateway.getProviderConfig(.init(id: id), options: stranger) },
          {
            _ = try await gateway.updateProviderConfig(
              .init(id: id, label: "mine"), options: stranger)
          },
          { _ = try await gateway.deleteProviderConfig(.init(id: id), options: stranger) },
          { _ = try await gateway.enableProviderConfig(.init(id: id), options: stranger) },
          { _ = try await gateway.disableProviderConfig(.init(id: id), options: stranger) },
          {
            _ = try await gateway.resolveCredential(
              .init(provider: "openai"), options: stranger)
          },
        ]
        for call in calls {
          let error = await #expect(throws: RPCError.self) { try await call() }
          #expect(error?.code == .notFound)
          // The same as of a key that never was.
          let isByName = error?.message == "no key for OpenAI is stored"
          #expect(isByName || error?.message == "there is no such provider configuration")
        }
      }
      let list = try await gateway.listProviderConfigs(.init(), options: stranger)
      #expect(list.providerConfigs.isEmpty)
    }
  }

  @Test func nothingWorksWithoutAUsersAssertion() async throws {
    try await withVault { database, client in
      let gateway = client(PeerIdentity.gateway)
      let wrongAudience = CallOptions.acting(
        with: try signer.sign(
          PostgresVaultStoreTests.caller(), audience: [.audit], lifetime: .seconds(60)
        ).bytes,
        origin: CallOrigin())
      let strange = AssertionSigner(key: try Ed25519.SigningKey.generate())
      let wrongKey = CallOptions.acting(
        with: try strange.sign(
          PostgresVaultStoreTests.caller(), audience: [.vault], lifetime: .seconds(60)
        ).bytes,
        origin: CallOrigin())
      for options in [CallOptions(), wrongAudience, wrongKey] {
        let error = await #expect(throws: RPCError.self) {
          try await gateway.createProviderConfig(request, options: options)
        }
        #expect(error?.code == .unauthenticated)
      }
      #expect(try await database.count("SELECT count(*) FROM vault.provider_configs") == 0)
    }
  }

  @Test func onlyListedPeersReachEachMethod() async throws {
    try await withVault { _, client in
      let owner = try acting(as: PostgresVaultStoreTests.caller())
      for identity in [PeerIdentity.audit, PeerIdentity.auth, PeerIdentity.vault, "", "spiffe://x"]
      {
        let error = await #expect(throws: RPCError.self) {
          try await client(identity).listProviderConfigs(.init(), options: owner)
        }
        #expect(error?.code == .permissionDenied)
      }
      let operated = client(PeerIdentity.operator)
      let imported = try await operated.importProviderConfig(
        .init(provider: "openai", apiKey: PostgresVaultStoreTests.key), options: owner)
      #expect(imported.outcome == .imported)
      #expect(
        try await operated.listProviderConfigs(.init(), options: owner).providerConfigs.count == 1)
      let error = await #expect(throws: RPCError.self) {
        try await operated.resolveCredential(.init(provider: "openai"), options: owner)
      }
      #expect(error?.code == .permissionDenied)
    }
  }

  @Test func badInputNamesTheFieldAndNeverRepeatsTheKey() async throws {
    try await withVault { _, client in
      let gateway = client(PeerIdentity.gateway)
      let owner = try acting(as: PostgresVaultStoreTests.caller())
      var bad = request
      bad.apiKey += " "
      let error = await #expect(throws: RPCError.self) {
        try await gateway.createProviderConfig(bad, options: owner)
      }
      #expect(error?.code == .invalidArgument)
      #expect(
        error?.details == [
          .badRequest(field: "apiKey", description: "begins or ends with white space")
        ])
      #expect(error?.message.contains("canary") == false)
    }
  }

  @Test func anImportSaysWhatItFound() async throws {
    try await withVault { _, client in
      let client = client(PeerIdentity.operator)
      let owner = try acting(as: PostgresVaultStoreTests.caller())
      func outcome(
        _ key: String, dry: Bool = false
      ) async throws
        -> VaultAPI.ImportProviderConfigResponse.Outcome
      {
        try await client.importProviderConfig(
          .init(provider: "openai", apiKey: key, validateOnly: dry), options: owner
        ).outcome
      }
      #expect(try await outcome("sk-one", dry: true) == .imported)
      #expect(try await outcome("sk-one") == .imported)
      #expect(try await outcome("sk-one") == .alreadyPresent)
      #expect(try await outcome("sk-two") == .conflict)
    }
  }
}
