import COpenSSL

/// An authenticated cipher of OpenSSL whose box is IV, ciphertext and tag, looked up once: the
/// look-up by name costs more than sealing a small secret.
///
/// Unchecked: an `EVP_CIPHER` never changes after it was fetched, and OpenSSL counts its references
/// atomically.
final class AEADCipher: @unchecked Sendable {
  /// Nil when the installed OpenSSL does not offer the cipher.
  private let cipher: OpaquePointer?

  init(_ name: String) {
    cipher = EVP_CIPHER_fetch(nil, name, nil)
  }

  deinit {
    EVP_CIPHER_free(cipher)
  }

  /// `combined` starts with the IV; ciphertext and tag are written behind it.
  func encrypt(
    _ plaintext: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer,
    associatedData: UnsafeRawBufferPointer, into combined: UnsafeMutableRawBufferPointer
  ) -> Bool {
    guard let iv = combined.baseAddress?.assumingMemoryBound(to: UInt8.self),
      let run = CipherRun()
    else { return false }
    let ciphertext = iv + AES256GCM.ivBytes
    let tag = ciphertext + plaintext.count
    return run.begin(cipher, isEncrypting: true, key: key, iv: iv) && run.bind(associatedData)
      && run.convert(plaintext, into: ciphertext) && run.finish(at: tag)
      && run.exchangeTag(EVP_CTRL_AEAD_GET_TAG, tag)
  }

  /// False unless the tag is that of the ciphertext and the associated data; what was written to
  /// `plaintext` must not be used then.
  func decrypt(
    _ combined: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer,
    associatedData: UnsafeRawBufferPointer, into plaintext: UnsafeMutableRawBufferPointer
  ) -> Bool {
    guard let iv = combined.baseAddress?.assumingMemoryBound(to: UInt8.self),
      let output = plaintext.baseAddress?.assumingMemoryBound(to: UInt8.self),
      let run = CipherRun()
    else { return false }
    let ciphertext = UnsafeRawBufferPointer(start: iv + AES256GCM.ivBytes, count: plaintext.count)
    // OpenSSL copies the expected tag; its parameter is mutable because the call also gets tags.
    let tag = UnsafeMutablePointer(mutating: iv + AES256GCM.ivBytes + plaintext.count)
    return run.begin(cipher, isEncrypting: false, key: key, iv: iv)
      && run.exchangeTag(EVP_CTRL_AEAD_SET_TAG, tag) && run.bind(associatedData)
      && run.convert(ciphertext, into: output) && run.finish(at: output + plaintext.count)
  }
}

/// One run of a cipher; freeing it wipes the expanded key.
private struct CipherRun: ~Copyable {
  private let context: OpaquePointer

  init?() {
    guard let context = EVP_CIPHER_CTX_new() else { return nil }
    self.context = context
  }

  deinit {
    EVP_CIPHER_CTX_free(context)
  }

  func begin(
    _ cipher: OpaquePointer?, isEncrypting: Bool, key: UnsafeRawBufferPointer,
    iv: UnsafePointer<UInt8>
  ) -> Bool {
    let key = key.baseAddress?.assumingMemoryBound(to: UInt8.self)
    return cipher != nil
      && EVP_CipherInit_ex2(context, cipher, key, iv, isEncrypting ? 1 : 0, nil) == 1
  }

  func bind(_ associatedData: UnsafeRawBufferPointer) -> Bool {
    update(associatedData, output: nil)
  }

  func convert(_ input: UnsafeRawBufferPointer, into output: UnsafeMutablePointer<UInt8>) -> Bool {
    update(input, output: output)
  }

  func finish(at end: UnsafeMutablePointer<UInt8>) -> Bool {
    var written: Int32 = 0
    return EVP_CipherFinal_ex(context, end, &written) == 1
  }

  func exchangeTag(_ command: Int32, _ tag: UnsafeMutablePointer<UInt8>) -> Bool {
    EVP_CIPHER_CTX_ctrl(context, command, Int32(AES256GCM.tagBytes), tag) == 1
  }

  private func update(
    _ input: UnsafeRawBufferPointer, output: UnsafeMutablePointer<UInt8>?
  ) -> Bool {
    guard !input.isEmpty else { return true }
    var written: Int32 = 0
    return EVP_CipherUpdate(
      context, output, &written, input.baseAddress?.assumingMemoryBound(to: UInt8.self),
      Int32(input.count)) == 1
  }
}
