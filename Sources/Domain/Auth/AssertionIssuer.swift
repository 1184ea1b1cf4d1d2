package import FoundationEssentials
package import Identity

/// Makes the signed statements by which the other services know a user.
package protocol AssertionIssuer: Sendable {
  /// Throws `.engine` when signing fails.
  ///
  /// - Parameters:
  ///   - purpose: nil for all, for a caller from before there were purposes.
  ///   - holder: who alone may bring it; nil where nobody is known by a certificate.
  func issue(
    for caller: Caller, purpose: AssertionPurpose?, holder: AssertionHolder?, at now: Date
  ) throws(AuthError) -> IssuedAssertion
}

/// A signed statement, opaque to this module.
package struct IssuedAssertion: Sendable, Hashable {
  /// Whoever holds them acts for the user until `expireTime`.
  package let bytes: [UInt8]
  package let expireTime: Date
  /// Nil for everything.
  package let purpose: AssertionPurpose?

  package init(bytes: [UInt8], expireTime: Date, purpose: AssertionPurpose? = nil) {
    self.purpose = purpose
    self.bytes = bytes
    self.expireTime = expireTime
  }
}

extension IssuedAssertion: CustomStringConvertible {
  package var description: String { "assertion until \(expireTime)" }
}
