package import Cryptography

/// The public key of a credential (RFC 9052, 7; RFC 9053; RFC 8230).
package struct COSEKey: Sendable {
  /// The algorithms that registration offers, most wanted first, by their COSE numbers.
  package static let algorithms: [Int64] = [es256, edDSA, rs256]
  private static let es256: Int64 = -7
  private static let edDSA: Int64 = -8
  private static let rs256: Int64 = -257

  /// Made where they are needed: a constant in a tagged box looks like a leak to the fuzzer.
  private enum Label {
    static var kind: CBORValue { .unsigned(1) }
    static var algorithm: CBORValue { .unsigned(3) }
    /// The curve; of RSA the modulus.
    static var first: CBORValue { .negative(0) }
    /// x; of RSA the exponent.
    static var second: CBORValue { .negative(1) }
    static var y: CBORValue { .negative(2) }
  }

  private enum Kind {
    static let octetPair: Int64 = 1
    static let ellipticCurve: Int64 = 2
    static let rsa: Int64 = 3
  }

  private enum Curve {
    static let p256: Int64 = 1
    static let ed25519: Int64 = 6
  }

  package let key: SignatureKey

  /// Reads a stored key; throws `.malformed` or `.unsupportedAlgorithm`.
  package init(_ bytes: [UInt8]) throws(WebAuthnError) {
    try self.init(CBORReader.read(bytes))
  }

  init(_ value: CBORValue) throws(WebAuthnError) {
    guard let kind = value[Label.kind]?.integer, let algorithm = value[Label.algorithm]?.integer
    else { throw .malformed("a public key without kind or algorithm") }
    do {
      switch (kind, algorithm) {
      case (Kind.ellipticCurve, Self.es256):
        guard value[Label.first]?.integer == Curve.p256, case .bytes(let x)? = value[Label.second],
          case .bytes(let y)? = value[Label.y]
        else { throw WebAuthnError.malformed("a public key that is not a point on P-256") }
        key = try SignatureKey(x: x, y: y)
      case (Kind.octetPair, Self.edDSA):
        guard value[Label.first]?.integer == Curve.ed25519,
          case .bytes(let x)? = value[Label.second]
        else { throw WebAuthnError.malformed("a public key that is not of Ed25519") }
        key = try SignatureKey(ed25519: x)
      case (Kind.rsa, Self.rs256):
        guard case .bytes(let modulus)? = value[Label.first],
          case .bytes(let exponent)? = value[Label.second]
        else { throw WebAuthnError.malformed("a public key without modulus or exponent") }
        key = try SignatureKey(modulus: modulus, exponent: exponent)
      default: throw WebAuthnError.unsupportedAlgorithm
      }
    } catch let error as WebAuthnError {
      throw error
    } catch {
      throw .malformed("a public key that is none")
    }
  }
}
