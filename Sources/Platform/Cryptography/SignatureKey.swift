import COpenSSL
import OpenSSL

/// A public key that checks signatures of one algorithm: of passkeys (RFC 9053) and of identity
/// tokens (RFC 7518).
package final class SignatureKey: Sendable {
  /// The algorithms that are taken; everything else is refused before a key is made.
  package enum Algorithm: Sendable, Hashable, CaseIterable {
    /// ECDSA on P-256 with SHA-256.
    case es256
    /// Ed25519.
    case edDSA
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    case rs256
  }

  /// Bytes of each coordinate of a point on P-256.
  package static let coordinateBytes = 32
  /// What NIST still allows (SP 800-131A), and what one check may cost.
  package static let modulusBits = 2_048...8_192
  private static let exponentBytesMax = 8

  package let algorithm: Algorithm
  private let handle: AsymmetricKey

  private init(_ algorithm: Algorithm, _ handle: AsymmetricKey) {
    self.algorithm = algorithm
    self.handle = handle
  }

  /// An ES256 key; throws `.malformedKey` for coordinates of another length and for a point that is
  /// not on the curve.
  package convenience init(x: [UInt8], y: [UInt8]) throws(CryptographyError) {
    guard x.count == Self.coordinateBytes, y.count == Self.coordinateBytes else {
      throw .malformedKey
    }
    self.init(.es256, try Self.read(DER.p256Prefix + [0x04] + x + y))
  }

  /// An Ed25519 key; throws `.malformedKey` unless it has 32 bytes.
  package convenience init(ed25519 point: [UInt8]) throws(CryptographyError) {
    guard point.count == Ed25519.publicKeyBytes else { throw .malformedKey }
    ErrorQueue.clear()
    guard let pointer = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, point, point.count)
    else { throw CryptographyError.engine("Ed25519 public key") }
    self.init(.edDSA, AsymmetricKey(owning: pointer))
  }

  /// An RS256 key; throws `.malformedKey` for a modulus outside `modulusBits`, an even exponent, or
  /// one below 3 or of more than 8 bytes.
  package convenience init(modulus: [UInt8], exponent: [UInt8]) throws(CryptographyError) {
    let (n, e) = (DER.trimmed(modulus), DER.trimmed(exponent))
    guard let first = n.first, let last = e.last, last & 1 == 1, e != [1],
      e.count <= Self.exponentBytesMax,
      Self.modulusBits.contains(n.count * 8 - first.leadingZeroBitCount)
    else { throw .malformedKey }
    let key = DER.sequence(DER.integer(n) + DER.integer(e))
    self.init(
      .rs256,
      try Self.read(DER.sequence(DER.rsaAlgorithm + DER.element(0x03, [0x00] + key))))
  }

  /// Takes a SubjectPublicKeyInfo and nothing behind it.
  private static func read(_ der: [UInt8]) throws(CryptographyError) -> AsymmetricKey {
    ErrorQueue.clear()
    let pointer = der.withUnsafeBufferPointer { bytes -> OpaquePointer? in
      var position = bytes.baseAddress
      return d2i_PUBKEY(nil, &position, bytes.count)
    }
    guard let pointer else { throw .malformedKey }
    ErrorQueue.clear()
    return AsymmetricKey(owning: pointer)
  }

  /// Whether this is the key's signature of `message`: of ES256 in DER, as passkeys have it.
  package func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
    guard let context = EVP_MD_CTX_new() else { return false }
    defer {
      EVP_MD_CTX_free(context)
      ErrorQueue.clear()
    }
    ErrorQueue.clear()
    let digest = algorithm == .edDSA ? nil : EVP_sha256()
    guard EVP_DigestVerifyInit(context, nil, digest, nil, handle.pointer) == 1 else { return false }
    return EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
  }

  /// As `isValid`, with ES256's two numbers of 32 bytes one after the other (RFC 7518, 3.4).
  package func isValid(joseSignature signature: [UInt8], for message: [UInt8]) -> Bool {
    guard algorithm == .es256 else { return isValid(signature, for: message) }
    guard signature.count == 2 * Self.coordinateBytes else { return false }
    let (r, s) = (signature.prefix(Self.coordinateBytes), signature.suffix(Self.coordinateBytes))
    return isValid(
      DER.sequence(DER.integer(DER.trimmed(Array(r))) + DER.integer(DER.trimmed(Array(s)))),
      for: message)
  }
}

/// The little of DER (X.690) that keys and signatures are wrapped in.
private enum DER {
  /// SubjectPublicKeyInfo of a P-256 key (RFC 5480), up to the point.
  static let p256Prefix: [UInt8] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A,
    0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
  ]
  /// rsaEncryption with NULL (RFC 3279, 2.3.1).
  static let rsaAlgorithm: [UInt8] = [
    0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00,
  ]

  static func trimmed(_ number: [UInt8]) -> [UInt8] { Array(number.drop { $0 == 0 }) }

  /// A number that is not negative; of no bytes: zero.
  static func integer(_ bytes: [UInt8]) -> [UInt8] {
    let first = bytes.first ?? 0
    return element(0x02, (bytes.isEmpty || first >= 0x80 ? [0x00] : []) + bytes)
  }

  static func sequence(_ content: [UInt8]) -> [UInt8] { element(0x30, content) }

  static func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
    if content.count < 0x80 { return [tag, UInt8(content.count)] + content }
    let length = DER.trimmed(withUnsafeBytes(of: UInt64(content.count).bigEndian) { Array($0) })
    return [tag, 0x80 | UInt8(length.count)] + length + content
  }
}
