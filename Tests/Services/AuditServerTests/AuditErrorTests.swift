import Audit
import Postgres
import RPC
import Testing

@testable import AuditServer

@Suite struct AuditErrorTests {
  @Test(arguments: [
    (AuditError.invalid(.action, reason: "is odd"), RPCError.Code.invalidArgument),
    (.invalidEvent(index: 3, EventProblem("action", "is odd")), .invalidArgument),
    (.unstorable(detail: "canary"), .invalidArgument),
    (.cancelled, .cancelled),
    (.storageUnavailable(detail: "canary"), .unavailable),
    (.storageFull, .resourceExhausted),
    (.storage(detail: "canary"), .internal),
  ])
  func eachErrorHasItsCodeAndKeepsItsDetailInside(error: AuditError, code: RPCError.Code) {
    #expect(error.rpcError.code == code)
    #expect(!error.rpcError.message.contains("canary"))
    #expect(!"\(error.rpcError.details)".contains("canary"))
  }

  @Test func onlyAFailureThatMayPassInvitesToTryAgain() {
    let unavailable = AuditError(PostgresError.poolExhausted).rpcError
    #expect(unavailable.code == .unavailable)
    #expect(unavailable.details == [.retryInfo(delay: .seconds(1))])
    let broken = AuditError(PostgresError.decoding(column: "time", detail: "canary")).rpcError
    #expect(broken.code == .internal)
    #expect(broken.details.isEmpty)
    #expect(AuditError(PostgresError.cancelled).rpcError.code == .cancelled)
  }
}
