internal import COpenSSL

/// An OpenSSL cipher looked up once: the look-up by name costs more than sealing a small secret.
///
/// Unchecked: an `EVP_CIPHER` never changes after it was fetched, and OpenSSL counts its
/// references atomically.
final class FetchedCipher: @unchecked Sendable {
  /// Nil when the installed OpenSSL does not offer the cipher.
  let pointer: OpaquePointer?

  init(_ name: String) {
    pointer = EVP_CIPHER_fetch(nil, name, nil)
  }

  deinit {
    EVP_CIPHER_free(pointer)
  }
}
