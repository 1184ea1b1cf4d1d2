package import FoundationEssentials

/// An assertion ready for the metadata `chatelaine-assertion-bin`.
package struct SignedAssertion: Sendable, Hashable {
  /// A packed chatelaine.identity.v1.SignedAssertion. Whoever holds it acts for the user until it
  /// expires.
  package let bytes: [UInt8]
  package let expireTime: Date
}

extension SignedAssertion: CustomStringConvertible {
  package var description: String { "assertion until \(expireTime)" }
}
