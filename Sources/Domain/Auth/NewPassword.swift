package import Cryptography

/// A password that somebody wants to have from now on: it was checked against the rules.
///
/// An accent is one character (NFC), whichever way the keyboard put it: the same password typed on
/// another kind of machine has other bytes. Nothing else is changed; blanks count.
package struct NewPassword: Sendable {
  /// Unicode scalar values, as people count characters in most scripts.
  package static let charactersMin = 12
  package static let charactersMax = 256
  /// Fewer different characters are guessed quickly, however many there are.
  package static let differentCharactersMin = 5

  package let secret: SecretBytes

  /// Throws `.invalid(.password, …)` for a password that is too short, too long, too simple, among
  /// the most common ones, or the e-mail address.
  package init(_ secret: SecretBytes, email: EmailAddress) throws(AuthError) {
    let secret = secret.composed
    let problem = secret.withUTF8String { Self.problem(with: $0, email: email) }
    if let problem { throw .invalid(.password, reason: problem) }
    self.secret = secret
  }

  private static func problem(with text: String, email: EmailAddress) -> String? {
    let count = text.unicodeScalars.count
    guard (charactersMin...charactersMax).contains(count) else {
      return "must have \(charactersMin) to \(charactersMax) characters"
    }
    guard Set(text.unicodeScalars).count >= differentCharactersMin else {
      return "must have at least \(differentCharactersMin) different characters"
    }
    let folded = text.lowercased()
    let localPart = email.key.prefix { $0 != "@" }
    guard folded != email.key, folded != localPart else {
      return "must not be the e-mail address"
    }
    guard !CommonPasswords.contains(folded) else {
      return "is one of the most common passwords"
    }
    return nil
  }
}
