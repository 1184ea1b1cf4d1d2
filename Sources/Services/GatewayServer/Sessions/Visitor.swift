import Callers
import Cryptography
import RPC
import ServiceAPI

/// A user who has proved who they are, for the length of one request.
struct Visitor: Sendable {
  let credential: Credential
  /// What `auth` signed, for the services to verify.
  let assertion: [UInt8]
  let account: AuthAPI.Account

  /// For forms and `X-CSRF-Token`; nil without a session.
  var csrfToken: String? {
    guard case .session(let token) = credential else { return nil }
    return CSRFToken.token(forSession: token)
  }

  /// Options for calls on the user's behalf.
  func options(for exchange: Exchange) -> CallOptions {
    .acting(with: assertion, origin: exchange.origin)
  }
}
