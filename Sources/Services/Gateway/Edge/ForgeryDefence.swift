package import Cryptography
import Encodings
package import HTTPTypes

/// The token that proves that a state change comes from our own page or from a program that was
/// given it, and not from another site that only has the browser's cookie on its side.
///
/// It is a keyed hash of the session token, so nothing has to be stored and it ends with the
/// session; from it the session token cannot be found.
package enum CSRFToken {
  private static let label = Array("chatelaine csrf".utf8)
  /// Of HMAC-SHA256.
  private static let codeBytes = 32

  package static func token(forSession session: SecretBytes) -> String {
    Base64.url.encode(HMACSHA256.authenticationCode(for: label, key: session))
  }

  /// Whether `token`, masked or not, belongs to the session, in constant time.
  package static func isValid(_ token: String, forSession session: SecretBytes) -> Bool {
    guard let code = TokenMask.bytes(of: token, count: codeBytes) else { return false }
    return HMACSHA256.isValid(code, for: label, key: session)
  }
}

/// The token of forms that are sent before there is a session: the same random value in a cookie
/// and in the form ("double submit").
package enum FormToken {
  package static let randomBytes = 32

  /// The token that the browser has already, so that two open tabs agree, or a new one.
  package static func current(
    _ headers: HTTPFields, cookies: PortalCookies
  ) throws -> (
    token: String, isNew: Bool
  ) {
    if let token = cookies.form.value(in: headers), isWellFormed(token) { return (token, false) }
    return (Base64.url.encode(try SecureRandom.bytes(randomBytes)), true)
  }

  package static func isValid(
    _ token: String, _ headers: HTTPFields, cookies: PortalCookies
  ) -> Bool {
    guard let expected = cookies.form.value(in: headers), isWellFormed(expected) else {
      return false
    }
    guard let sent = TokenMask.bytes(of: token, count: randomBytes) else { return false }
    return ConstantTime.equals(Base64.url.decode(expected) ?? [], sent)
  }

  private static func isWellFormed(_ token: String) -> Bool {
    Base64.url.decode(token)?.count == randomBytes
  }
}

/// Hides a form's token behind random bytes, anew in each page: how well a page compresses then
/// tells nothing about the token, whatever else of the page a stranger can choose (BREACH, 2013).
package enum TokenMask {
  /// Random bytes, then the token's bytes combined with them, as one text.
  package static func masked(_ token: String) throws -> String {
    guard let bytes = Base64.url.decode(token) else { return token }
    let mask = try SecureRandom.bytes(bytes.count)
    return Base64.url.encode(mask + zip(mask, bytes).map { $0 ^ $1 })
  }

  /// The `count` bytes of a token that may be masked; nil when it is neither form.
  static func bytes(of text: String, count: Int) -> [UInt8]? {
    guard let bytes = Base64.url.decode(text) else { return nil }
    if bytes.count == count { return bytes }
    guard bytes.count == 2 * count else { return nil }
    return zip(bytes.prefix(count), bytes.suffix(count)).map { $0 ^ $1 }
  }
}

/// Refuses state changes that a browser says come from another site.
///
/// Browsers set `Origin` and `Sec-Fetch-Site` themselves and pages can't change them. A program
/// that sends neither is not a browser and holds no cookie by accident.
package struct RequestProvenance: Sendable {
  /// `scheme://host[:port]` of PUBLIC_URL, lower case.
  package let publicOrigin: String

  package init(publicOrigin: String) {
    self.publicOrigin = publicOrigin
  }

  package func check(_ request: HTTPRequest) throws(Problem) {
    let site = request.headerFields[.fetchSite]
    if let site, !site.hasBytes(of: "same-origin"), !site.hasBytes(of: "none") {
      throw Problem(.forbidden, "the request was sent from another site")
    }
    guard let origin = request.headerFields[.origin]?.lowercasedASCII() else { return }
    guard !origin.hasBytes(of: publicOrigin) else { return }
    // Reached under another name, e.g. localhost: then the browser's Host says so too.
    guard let host = request.authority?.lowercasedASCII(), !host.isEmpty,
      origin.hasBytes(of: "http://\(host)") || origin.hasBytes(of: "https://\(host)")
    else { throw mismatch(origin) }
  }

  private static let shownOriginBytesMax = 200

  /// Most often the portal is behind a reverse proxy, and nobody said where browsers reach it.
  private func mismatch(_ origin: String) -> Problem {
    let isShown =
      origin.utf8.count <= Self.shownOriginBytesMax
      && origin.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    return Problem(
      .forbidden,
      "the request was sent from a page at \(isShown ? origin : "another address"), and the portal "
        + "is at \(publicOrigin). If that page is the portal's, its operator has to set PUBLIC_URL "
        + "to the address that browsers show")
  }
}
