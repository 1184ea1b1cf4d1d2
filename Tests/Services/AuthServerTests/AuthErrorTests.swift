import Auth
import Postgres
import RPC
import Testing

@testable import AuthServer

@Suite struct AuthErrorTests {
  @Test(arguments: AuthError.Field.allCases)
  func badInputNamesItsField(_ field: AuthError.Field) {
    let error = AuthError.invalid(field, reason: "is too long").rpcError
    #expect(error.code == .invalidArgument)
    #expect(error.message == "\(field.rawValue) is too long")
    #expect(
      error.details == [.badRequest(field: field.rawValue, description: "is too long")])
  }

  @Test func refusalsForHavingTriedTooOftenSayWhenToComeBack() {
    for error in [
      AuthError.tooManyAttempts(retryAfter: .seconds(7)), .overloaded(retryAfter: .seconds(7)),
    ] {
      #expect(error.rpcError.code == .resourceExhausted)
      #expect(error.rpcError.details == [.retryInfo(delay: .seconds(7))])
    }
  }

  @Test(arguments: [
    (AuthError.storage(detail: "secret detail"), RPCError.Code.internal),
    (.storageUnavailable(detail: "secret detail"), .unavailable),
    (.engine(detail: "secret detail"), .internal),
  ])
  func detailsStayInTheOperatorsLog(_ error: AuthError, _ code: RPCError.Code) {
    #expect(error.rpcError.code == code)
    #expect(!error.rpcError.message.contains("secret detail"))
    #expect(error.rpcError.detail == "secret detail")
  }

  @Test func onlyAFailureThatMayPassInvitesToTryAgain() {
    let unavailable = AuthError(PostgresError.poolExhausted).rpcError
    #expect(unavailable.code == .unavailable)
    #expect(unavailable.details == [.retryInfo(delay: .seconds(1))])
    let broken = AuthError(PostgresError.decoding(column: "email", detail: "canary")).rpcError
    #expect(broken.code == .internal)
    #expect(broken.details.isEmpty)
    #expect(AuthError(PostgresError.cancelled).rpcError.code == .cancelled)
    let full = AuthError(PostgresError.storageFull).rpcError
    #expect(full.code == .resourceExhausted)
    #expect(full.details.contains(.errorInfo(reason: "STORAGE_FULL", domain: "chatelaine")))
  }

  @Test func anUnknownAddressAndAWrongPasswordReadTheSame() {
    let error = AuthError.wrongCredentials.rpcError
    #expect(error.code == .unauthenticated)
    #expect(error.message == "wrong e-mail or password")
  }
}
