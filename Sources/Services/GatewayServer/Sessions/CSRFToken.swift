import Cryptography
import Encodings

/// The token that proves that a state change comes from our own page or from a program that was
/// given it, and not from another site that only has the browser's cookie on its side.
///
/// It is a keyed hash of the session token, so nothing has to be stored and it ends with the
/// session; from it the session token cannot be found.
enum CSRFToken {
  private static let label = Array("chatelaine csrf".utf8)

  static func token(forSession session: SecretBytes) -> String {
    Base64.url.encode(HMACSHA256.authenticationCode(for: label, key: session))
  }

  /// Whether `token` belongs to the session, in constant time.
  static func isValid(_ token: String, forSession session: SecretBytes) -> Bool {
    guard let code = Base64.url.decode(token) else { return false }
    return HMACSHA256.isValid(code, for: label, key: session)
  }
}
