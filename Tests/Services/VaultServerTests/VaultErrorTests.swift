import Postgres
import RPC
import Testing
import Vault

@testable import VaultServer

@Suite struct VaultErrorTests {
  @Test(arguments: [
    (VaultError.invalid(.label, reason: "is odd"), RPCError.Code.invalidArgument),
    (.notFound, .notFound),
    (.alreadyExists(provider: "openai", label: .default), .alreadyExists),
    (.disabled(provider: "openai", label: .default), .failedPrecondition),
    (.tooManyConfigs(max: 2), .resourceExhausted),
    (.quarantined(provider: "openai", label: .default), .failedPrecondition),
    (.expired(provider: "openai", label: .default), .failedPrecondition),
    (.changedMeanwhile, .aborted), (.noSecondKey, .failedPrecondition),
    (.endpointChanged(provider: "openai"), .failedPrecondition),
    (.cannotOpen(detail: "canary"), .dataLoss),
    (.cannotSeal(detail: "canary"), .internal),
    (.overloaded, .resourceExhausted),
    (.tooManyUses, .resourceExhausted),
    (.cancelled, .cancelled),
    (.storageUnavailable(detail: "canary"), .unavailable),
    (.storageFull, .resourceExhausted),
    (.storage(detail: "canary"), .internal),
  ])
  func eachErrorHasItsCodeAndKeepsItsDetailInside(error: VaultError, code: RPCError.Code) {
    #expect(error.rpcError.code == code)
    #expect(!error.rpcError.message.contains("canary"))
    #expect(!"\(error.rpcError.details)".contains("canary"))
  }

  @Test func onlyAFailureThatMayPassInvitesToTryAgain() {
    let unavailable = VaultError(PostgresError.poolExhausted).rpcError
    #expect(unavailable.code == .unavailable)
    #expect(unavailable.details == [.retryInfo(delay: .seconds(1))])
    let broken = VaultError(PostgresError.decoding(column: "label", detail: "canary")).rpcError
    #expect(broken.code == .internal)
    #expect(broken.details.isEmpty)
    #expect(VaultError(PostgresError.cancelled).rpcError.code == .cancelled)
  }

  @Test func badInputNamesItsFieldByItsJSONName() {
    let error = VaultError.invalid(.baseURL, reason: "is odd").rpcError
    #expect(error.details == [.badRequest(field: "baseUrl", description: "is odd")])
  }
}
