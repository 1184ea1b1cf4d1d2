package import Cryptography
import FoundationEssentials

/// The mail server that takes what is sent, and how it is spoken to.
package struct SMTPServer: Sendable {
  /// What protects the connection.
  package enum Security: Sendable, Hashable {
    /// TLS from the first byte (`smtps://`).
    case implicitTLS
    /// TLS before anything else is said (`smtp://`); a server without it gets nothing.
    case startTLS
    /// None, for a relay on the same machine.
    case none
  }

  package let host: String
  package let port: Int
  package let security: Security
  /// Empty when the server asks for none.
  let user: SecretBytes
  let password: SecretBytes
  /// PEM file of the authorities that may vouch for it; nil means those of the system.
  package var certificateAuthorityFile: String?

  /// What is wrong with a URL; never repeats it, for there is a password in it.
  package struct Problem: Error, CustomStringConvertible {
    package let description: String
  }

  /// Reads `smtp://[user:password@]host[:port]` or `smtps://…`; user and password are
  /// percent-encoded. Without a port it is 587, or 465 for `smtps`.
  ///
  /// - Parameter isPlain: `smtp://` without STARTTLS.
  package init(url: SecretBytes, isPlain: Bool = false) throws(Problem) {
    let wanted = "must be smtp://user:password@host:port or smtps://user:password@host:port"
    let parts = url.withUTF8String { text -> (String, String, Int?, String, String)? in
      guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), let url = URL(string: text),
        let scheme = url.scheme, let host = url.host(percentEncoded: false), !host.isEmpty,
        url.path().isEmpty || url.path() == "/", url.query() == nil, url.fragment() == nil
      else { return nil }
      return (
        scheme.lowercased(), host, url.port, url.user(percentEncoded: false) ?? "",
        url.password(percentEncoded: false) ?? ""
      )
    }
    guard let (scheme, host, port, user, password) = parts else {
      throw Problem(description: wanted)
    }
    switch scheme {
    case "smtp": security = isPlain ? .none : .startTLS
    case "smtps": security = .implicitTLS
    default: throw Problem(description: wanted)
    }
    self.host = host
    self.port = port ?? (security == .implicitTLS ? 465 : 587)
    guard (1...65_535).contains(self.port) else { throw Problem(description: wanted) }
    if security == .none, !user.isEmpty {
      throw Problem(description: "must not send a password without TLS")
    }
    self.user = SecretBytes(utf8: user)
    self.password = SecretBytes(utf8: password)
  }
}

extension SMTPServer: CustomStringConvertible {
  package var description: String { "\(host):\(port)" }
}
