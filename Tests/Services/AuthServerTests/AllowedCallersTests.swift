import Identity
import RPC
import ServiceAPI
import Testing

@testable import AuthServer

@Suite struct AllowedCallersTests {
  @Test func onlyOperatorsImpersonateAndOfTheRestTheyOnlyLookAfterAccounts() {
    let methods = AuthAPI.AuthMethods.all + IdentityAPI.AssertionKeysMethods.all
    #expect(Set(AuthServer.allowedPeers.keys) == Set(methods.map(\.path)))
    let shared: Set<String> = [
      "ListUsers", "InviteUser", "SetUserRole", "DisableUser", "EnableUser", "UnlockUser",
      "SignOutUser", "SendUserPasswordReset", "ResetUserSecondFactor", "DeleteUser", "RestoreUser",
      "RevokeUserAccessTokens",
    ]
    for method in AuthAPI.AuthMethods.all {
      let peers: PeerAllowList.Callers =
        switch method.method {
        case "IssueOperatorAssertion", "ListErasures", "RepeatErasures": [PeerIdentity.operator]
        case let name where shared.contains(name): [PeerIdentity.gateway, PeerIdentity.operator]
        default: [PeerIdentity.gateway]
        }
      #expect(AuthServer.allowedPeers[method.path] == peers, "\(method.path)")
    }
  }
}
