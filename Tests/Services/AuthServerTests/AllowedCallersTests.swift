import Identity
import RPC
import ServiceAPI
import Testing

@testable import AuthServer

@Suite struct AllowedCallersTests {
  @Test func everyMethodHasOneCallerAndOnlyOperatorsImpersonate() {
    #expect(Set(AuthServer.allowedPeers.keys) == Set(AuthAPI.AuthMethods.all.map(\.path)))
    for method in AuthAPI.AuthMethods.all {
      let isForOperators = method == AuthAPI.AuthMethods.issueOperatorAssertion
      #expect(
        AuthServer.allowedPeers[method.path]
          == [isForOperators ? PeerIdentity.operator : PeerIdentity.gateway])
    }
  }
}
