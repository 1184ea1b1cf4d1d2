internal import COpenSSL

/// An OpenSSL key.
///
/// Unchecked: the key is never changed after `init`, and OpenSSL lets threads share such a key.
final class KeyHandle: @unchecked Sendable {
  let pointer: OpaquePointer

  /// Takes over the caller's reference.
  init(owning pointer: OpaquePointer) {
    self.pointer = pointer
  }

  deinit {
    EVP_PKEY_free(pointer)
  }
}
