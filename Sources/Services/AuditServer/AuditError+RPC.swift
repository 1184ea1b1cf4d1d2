package import Audit
package import RPC

extension AuditError: RPCErrorConvertible {
  /// What the caller reads; details meant for the operator stay in the process.
  package var rpcError: RPCError {
    switch self {
    case .invalid(let field, let reason):
      Self.badRequest(field.rawValue, reason)
    case .invalidEvent(let index, let problem):
      Self.badRequest("events[\(index)].\(problem.field)", problem.reason)
    case .unstorable(let detail):
      RPCError(.invalidArgument, "an event holds what the log cannot", detail: detail)
    case .cancelled:
      RPCError(.cancelled, "the call was cancelled")
    case .storage(let detail):
      RPCError(.internal, "internal error", detail: detail)
    case .storageUnavailable(let detail):
      RPCError(
        .unavailable, "the audit log cannot reach its storage",
        details: [.retryInfo(delay: .seconds(1))], detail: detail)
    }
  }

  private static func badRequest(_ field: String, _ reason: String) -> RPCError {
    RPCError(
      .invalidArgument, "\(field) \(reason)",
      details: [.badRequest(field: field, description: reason)])
  }
}
