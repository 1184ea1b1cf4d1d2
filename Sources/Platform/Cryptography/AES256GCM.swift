internal import COpenSSL
import OpenSSL

/// Authenticated encryption by AES-256 in Galois/Counter Mode (NIST SP 800-38D).
package enum AES256GCM {
  package static let keyBytes = 32
  package static let ivBytes = 12
  package static let tagBytes = 16
  /// What a sealed box adds to the plaintext.
  package static let overheadBytes = ivBytes + tagBytes
  /// Longest plaintext and longest associated data; far below the algorithm's 64 GiB, because both
  /// are held in memory.
  package static let inputBytesMax = 64 * 1024 * 1024
  /// Seals after which a key must be replaced: with random IVs, the chance that two of them are
  /// equal then reaches 2^-32 (NIST SP 800-38D, 8.3).
  package static let sealsPerKeyMax: UInt64 = 1 << 32

  private static let cipher = FetchedCipher("AES-256-GCM")

  /// Encrypts under a fresh random IV and binds `associatedData`, which is not stored.
  ///
  /// Throws `.invalidKeyLength`, `.inputTooLong`, `.randomnessUnavailable` or `.engine`.
  package static func seal(
    _ plaintext: UnsafeRawBufferPointer, key: SecretBytes, associatedData: [UInt8]
  ) throws(CryptographyError) -> SealedBox {
    try seal(plaintext, key: key, associatedData: associatedData, fixedIV: nil)
  }

  /// Encrypts a secret under a fresh random IV; throws as the variant for raw bytes does.
  package static func seal(
    _ plaintext: SecretBytes, key: SecretBytes, associatedData: [UInt8]
  ) throws(CryptographyError) -> SealedBox {
    try plaintext.withUnsafeBytes { (bytes) throws(CryptographyError) in
      try seal(bytes, key: key, associatedData: associatedData, fixedIV: nil)
    }
  }

  /// Encrypts under a given IV. Only for published test vectors: one IV used twice under one key
  /// gives away both plaintexts and the authentication key.
  package static func seal(
    _ plaintext: UnsafeRawBufferPointer, key: SecretBytes, associatedData: [UInt8],
    withFixedIVForTestVectors iv: [UInt8]
  ) throws(CryptographyError) -> SealedBox {
    try seal(plaintext, key: key, associatedData: associatedData, fixedIV: iv)
  }

  /// Decrypts `box`; every failure is `.authenticationFailed`.
  package static func open(
    _ box: SealedBox, key: SecretBytes, associatedData: [UInt8]
  ) throws(CryptographyError) -> SecretBytes {
    guard key.count == keyBytes, box.ciphertextRange.count <= inputBytesMax,
      associatedData.count <= inputBytesMax
    else { throw .authenticationFailed }
    return try SecretBytes(count: box.ciphertextRange.count) {
      (plaintext) throws(CryptographyError) in
      ErrorQueue.clear()
      let isAuthentic = box.combined.withUnsafeBytes { combined in
        key.withUnsafeBytes { key in
          associatedData.withUnsafeBytes {
            decrypt(combined, key: key, associatedData: $0, into: plaintext)
          }
        }
      }
      guard isAuthentic else {
        ErrorQueue.clear()
        throw .authenticationFailed
      }
    }
  }

  private static func seal(
    _ plaintext: UnsafeRawBufferPointer, key: SecretBytes, associatedData: [UInt8],
    fixedIV: [UInt8]?
  ) throws(CryptographyError) -> SealedBox {
    guard key.count == keyBytes else {
      throw .invalidKeyLength(actual: key.count, expected: keyBytes)
    }
    let longest = max(plaintext.count, associatedData.count)
    guard longest <= inputBytesMax else {
      throw .inputTooLong(actual: longest, max: inputBytesMax)
    }
    if let fixedIV, fixedIV.count != ivBytes { throw .malformedSealedBox }

    ErrorQueue.clear()
    let combinedBytes = plaintext.count + overheadBytes
    var hasIV = false
    var isSealed = false
    let combined = [UInt8](unsafeUninitializedCapacity: combinedBytes) { buffer, initializedCount in
      let output = UnsafeMutableRawBufferPointer(buffer)
      output.initializeMemory(as: UInt8.self, repeating: 0)
      let iv = UnsafeMutableRawBufferPointer(rebasing: output[..<ivBytes])
      if let fixedIV {
        iv.copyBytes(from: fixedIV)
        hasIV = true
      } else {
        hasIV = SecureRandom.fillPublic(iv)
      }
      guard hasIV else { return }
      isSealed = key.withUnsafeBytes { key in
        associatedData.withUnsafeBytes {
          encrypt(plaintext, key: key, associatedData: $0, into: output)
        }
      }
      initializedCount = combinedBytes
    }
    guard hasIV else { throw .randomnessUnavailable }
    guard isSealed else { throw CryptographyError.engine("AES-256-GCM seal") }
    return SealedBox(trusting: combined)
  }

  /// `combined` starts with the IV; ciphertext and tag are written behind it.
  private static func encrypt(
    _ plaintext: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer,
    associatedData: UnsafeRawBufferPointer, into combined: UnsafeMutableRawBufferPointer
  ) -> Bool {
    guard let context = CipherContext(), let cipher = cipher.pointer,
      let iv = combined.baseAddress?.assumingMemoryBound(to: UInt8.self)
    else { return false }
    let ciphertext = iv + ivBytes
    var written: Int32 = 0
    guard
      EVP_EncryptInit_ex2(
        context.pointer, cipher, key.baseAddress?.assumingMemoryBound(to: UInt8.self), iv, nil) == 1
    else { return false }
    if !associatedData.isEmpty {
      guard
        EVP_EncryptUpdate(
          context.pointer, nil, &written,
          associatedData.baseAddress?.assumingMemoryBound(to: UInt8.self),
          Int32(associatedData.count)) == 1
      else { return false }
    }
    if !plaintext.isEmpty {
      guard
        EVP_EncryptUpdate(
          context.pointer, ciphertext, &written,
          plaintext.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(plaintext.count)) == 1
      else { return false }
    }
    let tag = ciphertext + plaintext.count
    return EVP_EncryptFinal_ex(context.pointer, tag, &written) == 1
      && EVP_CIPHER_CTX_ctrl(
        context.pointer, EVP_CTRL_AEAD_GET_TAG, Int32(tagBytes), UnsafeMutableRawPointer(tag)) == 1
  }

  private static func decrypt(
    _ combined: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer,
    associatedData: UnsafeRawBufferPointer, into plaintext: UnsafeMutableRawBufferPointer
  ) -> Bool {
    guard let context = CipherContext(), let cipher = cipher.pointer,
      let iv = combined.baseAddress?.assumingMemoryBound(to: UInt8.self),
      let output = plaintext.baseAddress?.assumingMemoryBound(to: UInt8.self)
    else { return false }
    let ciphertext = iv + ivBytes
    let tag = ciphertext + plaintext.count
    var written: Int32 = 0
    guard
      EVP_DecryptInit_ex2(
        context.pointer, cipher, key.baseAddress?.assumingMemoryBound(to: UInt8.self), iv, nil)
        == 1,
      // OpenSSL copies the expected tag; its parameter is mutable because the call also gets tags.
      EVP_CIPHER_CTX_ctrl(
        context.pointer, EVP_CTRL_AEAD_SET_TAG, Int32(tagBytes),
        UnsafeMutableRawPointer(mutating: tag))
        == 1
    else { return false }
    if !associatedData.isEmpty {
      guard
        EVP_DecryptUpdate(
          context.pointer, nil, &written,
          associatedData.baseAddress?.assumingMemoryBound(to: UInt8.self),
          Int32(associatedData.count)) == 1
      else { return false }
    }
    if !plaintext.isEmpty {
      guard
        EVP_DecryptUpdate(
          context.pointer, output, &written, ciphertext, Int32(plaintext.count)) == 1
      else { return false }
    }
    return EVP_DecryptFinal_ex(context.pointer, output + plaintext.count, &written) == 1
  }
}
