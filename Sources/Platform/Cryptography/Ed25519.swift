import OpenSSL

/// Signatures by Ed25519 (RFC 8032, pure variant).
package enum Ed25519 {
  package static let seedBytes = 32
  package static let publicKeyBytes = 32
  package static let signatureBytes = 64
  /// Longest PEM text that is looked at.
  package static let pemBytesMax = 4096

  /// Reads one PEM block; nil when there is none or it holds another kind of key.
  static func key(_ half: AsymmetricKey.Half, fromPEM pem: UnsafeRawBufferPointer) -> AsymmetricKey?
  {
    guard pem.count <= pemBytesMax, let key = try? AsymmetricKey(half, pem: pem), key.isEd25519
    else {
      return nil
    }
    return key
  }
}
