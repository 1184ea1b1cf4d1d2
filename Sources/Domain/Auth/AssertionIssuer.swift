package import FoundationEssentials
package import Identity

/// Makes the signed statements by which the other services know a user.
package protocol AssertionIssuer: Sendable {
  /// Throws `.engine` when signing fails.
  func issue(for caller: Caller, at now: Date) throws(AuthError) -> IssuedAssertion
}

/// A signed statement, opaque to this module.
package struct IssuedAssertion: Sendable, Hashable {
  /// Whoever holds them acts for the user until `expireTime`.
  package let bytes: [UInt8]
  package let expireTime: Date

  package init(bytes: [UInt8], expireTime: Date) {
    self.bytes = bytes
    self.expireTime = expireTime
  }
}

extension IssuedAssertion: CustomStringConvertible {
  package var description: String { "assertion until \(expireTime)" }
}
