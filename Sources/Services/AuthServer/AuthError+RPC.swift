package import Auth
import Callers
package import RPC

extension AuthError: RPCErrorConvertible {
  /// Reasons in `google.rpc.ErrorInfo` are stable; clients may act on them.
  private static let domain = "auth.chatelaine"

  package var rpcError: RPCError {
    switch self {
    case .invalid(let field, let reason):
      .invalid(field.rawValue, reason)
    case .denied(let refusal):
      .denied(refusal, domain: Self.domain)
    case .emailTaken:
      RPCError(
        .alreadyExists, "there is an account with this e-mail address",
        details: [.errorInfo(reason: "EMAIL_TAKEN", domain: Self.domain)])
    case .wrongCredentials:
      RPCError(
        .unauthenticated, "wrong e-mail or password",
        details: [.errorInfo(reason: "WRONG_CREDENTIALS", domain: Self.domain)])
    case .unauthenticated:
      RPCError(.unauthenticated, "the session or access token is not valid")
    case .notFound:
      RPCError(.notFound, "not found")
    case .tooManyAccessTokens:
      RPCError(
        .failedPrecondition,
        "an account has at most \(AuthService.accessTokensPerAccountMax) access tokens",
        details: [.errorInfo(reason: "TOO_MANY_ACCESS_TOKENS", domain: Self.domain)])
    case .tooManyAttempts(let delay):
      RPCError(
        .resourceExhausted, "too many attempts; try again later",
        details: [.retryInfo(delay: delay)])
    case .overloaded(let delay):
      RPCError(
        .resourceExhausted, "too many people are signing in at this moment",
        details: [.retryInfo(delay: delay)])
    case .cancelled:
      RPCError(.cancelled, "the call was cancelled")
    case .storageFull: .storageFull
    case .storageUnavailable(let detail):
      RPCError(
        .unavailable, "accounts can't be reached; try again later",
        details: [.retryInfo(delay: .seconds(1))], detail: detail)
    case .storage(let detail), .engine(let detail):
      RPCError(.internal, "internal error", detail: detail)
    }
  }
}
