import COpenSSL

/// A private or public key of any kind.
///
/// Unchecked: the key is never changed after `init`, and OpenSSL lets threads share such a key.
package final class AsymmetricKey: @unchecked Sendable {
  /// OpenSSL's `EVP_PKEY`; it lives as long as this.
  package let pointer: OpaquePointer

  /// Takes over the caller's reference.
  package init(owning pointer: OpaquePointer) {
    self.pointer = pointer
  }

  deinit {
    EVP_PKEY_free(pointer)
  }

  /// A new private key on the curve P-256.
  package static func generateP256() throws(OpenSSLError) -> AsymmetricKey {
    ErrorQueue.clear()
    guard let pointer = copenssl_generate_p256() else { throw OpenSSLError("key generation") }
    return AsymmetricKey(owning: pointer)
  }

  package var isEd25519: Bool { EVP_PKEY_get_base_id(pointer) == EVP_PKEY_ED25519 }

  // MARK: PEM

  package enum Half: Sendable {
    /// Unencrypted PKCS #8, or an older form.
    case privateKey
    /// SubjectPublicKeyInfo.
    case publicKey
  }

  /// Reads one PEM block; throws when there is none, or one that is encrypted.
  package convenience init(_ half: Half, pem: UnsafeRawBufferPointer) throws(OpenSSLError) {
    self.init(owning: try Self.read(half, pem))
  }

  /// As above.
  package convenience init(_ half: Half, pem: [UInt8]) throws(OpenSSLError) {
    let pointer = pem.withUnsafeBytes { bytes in
      Result { () throws(OpenSSLError) in try Self.read(half, bytes) }
    }
    self.init(owning: try pointer.get())
  }

  private static func read(
    _ half: Half, _ pem: UnsafeRawBufferPointer
  ) throws(OpenSSLError) -> OpaquePointer {
    let bio = try MemoryBIO(reading: pem)
    // Without a callback OpenSSL would ask for a passphrase on the terminal.
    let pointer =
      switch half {
      case .privateKey: PEM_read_bio_PrivateKey(bio.pointer, nil, { _, _, _, _ in -1 }, nil)
      case .publicKey: PEM_read_bio_PUBKEY(bio.pointer, nil, { _, _, _, _ in -1 }, nil)
      }
    guard let pointer else { throw OpenSSLError("not a key in PEM") }
    // Several forms are tried, and the failures of those that it isn't stay behind.
    ErrorQueue.clear()
    return pointer
  }

  /// Hands over the private key as unencrypted PKCS #8 in PEM, which is wiped afterwards: for a
  /// file that only its owner can read.
  package func withPrivatePEM<Result>(
    _ body: (UnsafeRawBufferPointer) -> Result
  ) throws(OpenSSLError) -> Result {
    let bio = try MemoryBIO()
    try OpenSSLError.check(
      PEM_write_bio_PKCS8PrivateKey(bio.pointer, pointer, nil, nil, 0, nil, nil), "writing PEM")
    return bio.withContents(body)
  }

  /// The public half as SubjectPublicKeyInfo in PEM.
  package func publicPEM() throws(OpenSSLError) -> String {
    let bio = try MemoryBIO()
    try OpenSSLError.check(PEM_write_bio_PUBKEY(bio.pointer, pointer), "writing PEM")
    return bio.withContents { String(decoding: $0, as: UTF8.self) }
  }
}
