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
    case .signUpClosed(let mode):
      RPCError(
        .permissionDenied,
        mode == .closed
          ? "nobody can sign up here" : "sign-up is by invitation; ask whoever runs the portal",
        details: [.errorInfo(reason: "SIGN_UP_CLOSED", domain: Self.domain)])
    case .linkOver:
      RPCError(
        .failedPrecondition, "the link has been used or is too old; ask for another one",
        details: [.errorInfo(reason: "LINK_OVER", domain: Self.domain)])
    case .disabled:
      RPCError(
        .permissionDenied, "this account is disabled; ask whoever runs the portal",
        details: [.errorInfo(reason: "ACCOUNT_DISABLED", domain: Self.domain)])
    case .unverified:
      RPCError(
        .permissionDenied, "confirm the account's e-mail address before its keys are used",
        details: [.errorInfo(reason: "EMAIL_NOT_VERIFIED", domain: Self.domain)])
    case .lastAdmin:
      RPCError(
        .failedPrecondition, "this is the last admin; make another one first",
        details: [.errorInfo(reason: "LAST_ADMIN", domain: Self.domain)])
    case .notToBeDeleted:
      RPCError(
        .failedPrecondition, "this account is not to be deleted, or is deleted already",
        details: [.errorInfo(reason: "NOT_TO_BE_DELETED", domain: Self.domain)])
    case .secondFactorOn:
      RPCError(
        .failedPrecondition, "log-in needs a second factor already; switch that off first",
        details: [.errorInfo(reason: "SECOND_FACTOR_ON", domain: Self.domain)])
    case .secondFactorOff:
      RPCError(
        .failedPrecondition, "there is no second factor",
        details: [.errorInfo(reason: "SECOND_FACTOR_OFF", domain: Self.domain)])
    case .passkeyRefused:
      .invalid("passkey", "was not accepted: try again, or use another way")
    case .passkeysOff:
      RPCError(
        .failedPrecondition, "passkeys need the portal's address; ask whoever runs it",
        details: [.errorInfo(reason: "PASSKEYS_OFF", domain: Self.domain)])
    case .tooManyPasskeys:
      RPCError(
        .failedPrecondition, "an account has at most \(Passkey.perAccountMax) passkeys",
        details: [.errorInfo(reason: "TOO_MANY_PASSKEYS", domain: Self.domain)])
    case .providerFailed:
      RPCError(
        .failedPrecondition, "the log-in provider's answer can't be used; try again later",
        details: [.errorInfo(reason: "PROVIDER_FAILED", domain: Self.domain)])
    case .flowOver:
      RPCError(
        .failedPrecondition, "that log-in is over, or was begun elsewhere; begin again",
        details: [.errorInfo(reason: "LOG_IN_OVER", domain: Self.domain)])
    case .identityUnlinked:
      RPCError(
        .failedPrecondition,
        "the address has an account; log in to it, and connect the provider there",
        details: [.errorInfo(reason: "IDENTITY_UNLINKED", domain: Self.domain)])
    case .identityUnverified:
      RPCError(
        .failedPrecondition, "the provider has not verified your e-mail address",
        details: [.errorInfo(reason: "IDENTITY_UNVERIFIED", domain: Self.domain)])
    case .identityTaken:
      RPCError(
        .alreadyExists, "this identity is connected with an account already",
        details: [.errorInfo(reason: "IDENTITY_TAKEN", domain: Self.domain)])
    case .tooManyIdentities:
      RPCError(
        .failedPrecondition,
        "an account has at most \(LinkedIdentity.perAccountMax) connected identities",
        details: [.errorInfo(reason: "TOO_MANY_IDENTITIES", domain: Self.domain)])
    case .noMail:
      RPCError(
        .failedPrecondition, "this portal sends no mail; ask whoever runs it",
        details: [.errorInfo(reason: "NO_MAIL", domain: Self.domain)])
    case .unauthenticated:
      RPCError(.unauthenticated, "the session or access token is not valid")
    case .notFound:
      RPCError(.notFound, "not found")
    case .tooManyAccessTokens:
      RPCError(
        .failedPrecondition,
        "an account has at most \(AuthService.accessTokensPerAccountMax) access tokens",
        details: [.errorInfo(reason: "TOO_MANY_ACCESS_TOKENS", domain: Self.domain)])
    case .tooManyDerivedTokens:
      RPCError(
        .resourceExhausted,
        "at most \(AccessToken.derivedPerParentMax) tokens can be derived from one credential at a "
          + "time, and \(AccessToken.derivedPerAccountMax) in one account",
        details: [.errorInfo(reason: "TOO_MANY_DERIVED_TOKENS", domain: Self.domain)])
    case .derivedTooDeep:
      RPCError(
        .failedPrecondition,
        "no further token can be derived from this one: it is \(AccessToken.depthMax) away from "
          + "the first",
        details: [.errorInfo(reason: "DERIVED_TOO_DEEP", domain: Self.domain)])
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
