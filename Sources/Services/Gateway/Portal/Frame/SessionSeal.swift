import Backend
import Cryptography
import Encodings
import FoundationEssentials

/// Puts something into a page, an address or a cookie that only this session can use again:
/// whichever gateway is asked next can open it, and nobody else.
///
/// The key follows from the session's secret, so that there is nothing to keep: what was sealed
/// ends with the session, or after its lifetime.
struct SessionSeal: Sendable {
  /// What is sealed for one place opens in no other.
  enum Purpose: String, Sendable {
    /// A key that was typed into a form which comes back with mistakes.
    case typedKey = "typed key"
    /// What a provider said to a key.
    case testResult = "test result"
    /// An access token, until it has been shown.
    case newToken = "new token"
    /// An environment file whose plan is looked at.
    case typedFile = "typed file"
    case importResult = "import result"
    /// Secret and address of an authenticator app that is being added.
    case authenticator
    case recoveryCodes = "recovery codes"
  }

  static let lifetimeSeconds = 600
  private static let label = Array("chatelaine page seal".utf8)
  static let textBytesMax = 48 << 10

  private let key: SecretBytes

  /// Nil for a visitor without a session.
  init?(_ visitor: Visitor) {
    guard case .session(let token) = visitor.credential else { return nil }
    key = SecretBytes(copying: HMACSHA256.authenticationCode(for: Self.label, key: token))
  }

  /// The text, sealed, as base64url; nil without random numbers, or for too much of it.
  func seal(_ text: String, as purpose: Purpose, at now: Date = Date()) -> String? {
    guard text.utf8.count <= Self.textBytesMax else { return nil }
    let end = Int64(now.timeIntervalSince1970) + Int64(Self.lifetimeSeconds)
    let content = SecretBytes(utf8: "\(end) \(text)")
    guard
      let box = try? AES256GCM.seal(
        content, key: key, associatedData: Array(purpose.rawValue.utf8))
    else { return nil }
    return Base64.url.encode(box.combined)
  }

  /// Nil for what was sealed too long ago, for another purpose, or by nobody.
  func open(_ digits: String, as purpose: Purpose, at now: Date = Date()) -> String? {
    guard !digits.isEmpty, let sealed = Base64.url.decode(digits),
      let box = try? SealedBox(combined: sealed),
      let content = try? AES256GCM.open(
        box, key: key, associatedData: Array(purpose.rawValue.utf8))
    else { return nil }
    return content.withUTF8String { text in
      guard let blank = text.utf8.firstIndex(of: UInt8(ascii: " ")),
        let end = Int64(text[..<blank]), Int64(now.timeIntervalSince1970) <= end
      else { return nil }
      return String(text[text.utf8.index(after: blank)...])
    }
  }
}
