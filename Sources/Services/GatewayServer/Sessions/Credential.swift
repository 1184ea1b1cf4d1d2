import Cryptography
import HTTPTypes

/// What a request proves its user's identity with.
enum Credential: Sendable {
  /// Tokens longer than this are not ours.
  static let bytesMax = 512

  /// The token of the session cookie.
  case session(SecretBytes)
  /// An access token, from a header that no browser sends by itself.
  case accessToken(SecretBytes)

  /// `Authorization: Bearer …` wins over the cookie: a program that sends it means it.
  static func of(_ headers: HTTPFields, cookies: PortalCookies) -> Credential? {
    if let header = headers[.authorization] {
      guard let token = bearer(header) else { return nil }
      return .accessToken(token)
    }
    return session(headers, cookies: cookies)
  }

  static func session(_ headers: HTTPFields, cookies: PortalCookies) -> Credential? {
    guard let token = cookies.session.value(in: headers), token.utf8.count <= bytesMax else {
      return nil
    }
    return .session(SecretBytes(utf8: token))
  }

  private static func bearer(_ header: String) -> SecretBytes? {
    let parts = header.split(atByte: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercasedASCII().hasBytes(of: "bearer") else { return nil }
    let token = parts[1].trimmingBlanks()
    guard !token.isEmpty, token.utf8.count <= bytesMax else { return nil }
    return SecretBytes(utf8: token)
  }
}
