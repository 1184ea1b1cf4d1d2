internal import COpenSSL

/// Signatures by Ed25519 (RFC 8032, pure variant).
package enum Ed25519 {
  package static let seedBytes = 32
  package static let publicKeyBytes = 32
  package static let signatureBytes = 64
  /// Longest PEM text that is looked at.
  package static let pemBytesMax = 4096

  enum PEMBlock {
    case privateKey, publicKey
  }

  /// Reads one PEM block; nil when there is none or it holds another kind of key.
  static func keyHandle(_ block: PEMBlock, fromPEM pem: UnsafeRawBufferPointer) -> KeyHandle? {
    guard pem.count <= pemBytesMax, let bio = MemoryBIO(reading: pem) else { return nil }
    OpenSSLErrorQueue.clear()
    defer { OpenSSLErrorQueue.clear() }
    let pointer =
      switch block {
      // Without a callback OpenSSL would ask for a passphrase on the terminal.
      case .privateKey: PEM_read_bio_PrivateKey(bio.pointer, nil, { _, _, _, _ in -1 }, nil)
      case .publicKey: PEM_read_bio_PUBKEY(bio.pointer, nil, { _, _, _, _ in -1 }, nil)
      }
    guard let pointer else { return nil }
    let handle = KeyHandle(owning: pointer)
    return EVP_PKEY_get_base_id(pointer) == EVP_PKEY_ED25519 ? handle : nil
  }
}
