internal import COpenSSL

/// A P-256 key pair for certificates.
final class PrivateKey {
  let handle: OpaquePointer

  deinit { EVP_PKEY_free(handle) }

  /// A new key.
  init() throws {
    guard let handle = copenssl_generate_p256() else {
      throw X509Certificate.failure("key generation")
    }
    self.handle = handle
  }

  init(pem: [UInt8]) throws {
    let bio = try MemoryBIO(pem)
    guard let handle = PEM_read_bio_PrivateKey(bio.handle, nil, nil, nil) else {
      throw X509Certificate.failure("not a private key in PEM")
    }
    self.handle = handle
  }

  /// PKCS #8, unencrypted: it goes into a file with mode 0600.
  func pem() throws -> [UInt8] {
    let bio = try MemoryBIO()
    try X509Certificate.check(
      PEM_write_bio_PKCS8PrivateKey(bio.handle, handle, nil, nil, 0, nil, nil), "writing PEM")
    return bio.bytes
  }
}
