package import Audit
import Callers
package import RPC

extension AuditError: RPCErrorConvertible {
  /// What the caller reads; details meant for the operator stay in the process.
  package var rpcError: RPCError {
    switch self {
    case .invalid(let field, let reason):
      .invalid(field.rawValue, reason)
    case .invalidEvent(let index, let problem):
      .invalid("events[\(index)].\(problem.field)", problem.reason)
    case .denied(let refusal):
      .denied(refusal, domain: "audit.chatelaine")
    case .notFound: RPCError(.notFound, "there is no such thing in the log")
    case .unsigned:
      RPCError(.failedPrecondition, "the log is not signed here: LOG_SIGNING_KEY is not set")
    case .damaged(let detail):
      RPCError(.dataLoss, "the log's tree is damaged", detail: detail)
    case .unstorable(let detail):
      RPCError(.invalidArgument, "an event holds what the log cannot", detail: detail)
    case .cancelled:
      RPCError(.cancelled, "the call was cancelled")
    case .storage(let detail):
      RPCError(.internal, "internal error", detail: detail)
    case .storageFull: .storageFull
    case .storageUnavailable(let detail):
      RPCError(
        .unavailable, "the audit log cannot reach its storage",
        details: [.retryInfo(delay: .seconds(1))], detail: detail)
    }
  }
}
