import Cryptography
import Encodings
import HTTPTypes

/// The token of forms that are sent before there is a session: the same random value in a cookie
/// and in the form ("double submit").
enum FormToken {
  static let randomBytes = 32

  /// The token that the browser has already, so that two open tabs agree, or a new one.
  static func current(
    _ headers: HTTPFields, cookies: PortalCookies
  ) throws -> (
    token: String, isNew: Bool
  ) {
    if let token = cookies.form.value(in: headers), isWellFormed(token) { return (token, false) }
    return (Base64.url.encode(try SecureRandom.bytes(randomBytes)), true)
  }

  static func isValid(_ token: String, _ headers: HTTPFields, cookies: PortalCookies) -> Bool {
    guard let expected = cookies.form.value(in: headers), isWellFormed(expected) else {
      return false
    }
    return ConstantTime.equals(Array(expected.utf8), Array(token.utf8))
  }

  private static func isWellFormed(_ token: String) -> Bool {
    Base64.url.decode(token)?.count == randomBytes
  }
}
