internal import COpenSSL

/// One run of a cipher; freeing it wipes the expanded key.
struct CipherContext: ~Copyable {
  let pointer: OpaquePointer

  init?() {
    guard let pointer = EVP_CIPHER_CTX_new() else { return nil }
    self.pointer = pointer
  }

  deinit {
    EVP_CIPHER_CTX_free(pointer)
  }
}
