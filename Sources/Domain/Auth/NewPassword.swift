package import Cryptography

/// A password that somebody wants to have from now on: it was checked against the rules.
///
/// An accent is one character (NFC), whichever way the keyboard put it: the same password typed on
/// another kind of machine has other bytes. Nothing else is changed; blanks count.
package struct NewPassword: Sendable {
  /// Unicode scalar values, as people count characters in most scripts.
  package static let charactersMin = 8
  /// Of the composed form, in UTF-8; all of them count.
  package static let bytesMax = 1_024

  package let secret: SecretBytes

  /// Throws `.invalid(field, …)` for a password that is too short, too long, among the most common
  /// ones, or the e-mail address. Which characters it is made of is nobody's business.
  package init(
    _ secret: SecretBytes, email: EmailAddress, field: AuthError.Field = .password
  ) throws(AuthError) {
    // Composing shortens to a third at the most, so that longer ones can't become short enough.
    guard secret.count <= 3 * Self.bytesMax else { throw .invalid(field, reason: Self.sizes) }
    let secret = secret.composed
    guard secret.count <= Self.bytesMax else { throw .invalid(field, reason: Self.sizes) }
    let problem = secret.withUTF8String { Self.problem(with: $0, email: email) }
    if let problem { throw .invalid(field, reason: problem) }
    self.secret = secret
  }

  private static let sizes =
    "must have at least \(charactersMin) characters and at most \(bytesMax) bytes"

  private static func problem(with text: String, email: EmailAddress) -> String? {
    guard text.unicodeScalars.count >= charactersMin else { return sizes }
    let folded = text.lowercased()
    let localPart = String(Substring(email.key.utf8.prefix { $0 != UInt8(ascii: "@") }))
    guard folded != email.key, folded != localPart else {
      return "must not be the e-mail address"
    }
    guard !CommonPasswords.contains(folded) else {
      return "is one of the most common passwords"
    }
    return nil
  }
}
