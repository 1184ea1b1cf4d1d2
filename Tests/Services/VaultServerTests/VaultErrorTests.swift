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
    (.tooManyConfigs, .resourceExhausted),
    (.endpointChanged(provider: "openai"), .failedPrecondition),
    (.cannotOpen(detail: "canary"), .dataLoss),
    (.cannotSeal(detail: "canary"), .internal),
    (.overloaded, .resourceExhausted),
    (.storage(detail: "canary"), .unavailable),
  ])
  func eachErrorHasItsCodeAndKeepsItsDetailInside(error: VaultError, code: RPCError.Code) {
    #expect(error.rpcError.code == code)
    #expect(!error.rpcError.message.contains("canary"))
    #expect(!"\(error.rpcError.details)".contains("canary"))
  }

  @Test func badInputNamesItsFieldByItsJSONName() {
    let error = VaultError.invalid(.baseURL, reason: "is odd").rpcError
    #expect(error.details == [.badRequest(field: "baseUrl", description: "is odd")])
  }
}
