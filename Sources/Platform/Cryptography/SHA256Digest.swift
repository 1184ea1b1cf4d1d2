import COpenSSL
import OpenSSL

/// The hash function SHA-256 (FIPS 180-4).
package enum SHA256Digest {
  package static let byteCount = 32

  /// Returns the 32-byte digest of `bytes`.
  package static func hash(_ bytes: [UInt8]) -> [UInt8] {
    bytes.withUnsafeBytes { hash($0) }
  }

  /// Returns the 32-byte digest of a secret; the digest of a guessable secret is a secret too.
  package static func hash(_ secret: SecretBytes) -> [UInt8] {
    secret.withUnsafeBytes { hash($0) }
  }

  /// Returns the 32-byte digest of `bytes`.
  package static func hash(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, initializedCount in
      // Fails only when memory has run out.
      guard
        SHA256(
          bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, buffer.baseAddress)
          != nil
      else { fatalError("out of memory: SHA-256") }
      initializedCount = byteCount
    }
  }
}

/// Message authentication by HMAC with SHA-256 (RFC 2104).
package enum HMACSHA256 {
  package static let byteCount = 32

  /// Returns the 32-byte authentication code of `message`.
  package static func authenticationCode(for message: [UInt8], key: SecretBytes) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, initializedCount in
      let code = key.withUnsafeBytes { key in
        HMAC(
          EVP_sha256(), key.baseAddress, Int32(key.count), message, message.count,
          buffer.baseAddress, nil)
      }
      // Fails only when memory has run out.
      guard code != nil else { fatalError("out of memory: HMAC") }
      initializedCount = byteCount
    }
  }

  /// Whether `code` is the whole authentication code of `message`, compared in constant time.
  package static func isValid(
    _ code: [UInt8], for message: [UInt8], key: SecretBytes
  ) -> Bool {
    ConstantTime.equals(code, authenticationCode(for: message, key: key))
  }
}

/// Key derivation by HKDF with SHA-256 (RFC 5869), extract and expand.
package enum HKDF {
  /// 255 blocks of 32 bytes (RFC 5869, 2.3).
  package static let outputBytesMax = 255 * 32

  /// Derives `byteCount` bytes from a key that is uniformly random or at least hard to guess; not
  /// for passwords.
  ///
  /// Throws `.inputTooLong` past `outputBytesMax` and `.engine` for an empty key or output.
  package static func derive(
    inputKeyMaterial: SecretBytes, salt: [UInt8], info: [UInt8], byteCount: Int
  ) throws(CryptographyError) -> SecretBytes {
    guard byteCount <= outputBytesMax else {
      throw .inputTooLong(actual: byteCount, max: outputBytesMax)
    }
    return try SecretBytes(count: max(byteCount, 0)) { (output) throws(CryptographyError) in
      ErrorQueue.clear()
      let isDerived = inputKeyMaterial.withUnsafeBytes { key in
        salt.withUnsafeBytes { salt in
          info.withUnsafeBytes { derive(key, salt: salt, info: $0, into: output) }
        }
      }
      guard isDerived else { throw CryptographyError.engine("HKDF") }
    }
  }

  private static func derive(
    _ key: UnsafeRawBufferPointer, salt: UnsafeRawBufferPointer, info: UnsafeRawBufferPointer,
    into output: UnsafeMutableRawBufferPointer
  ) -> Bool {
    guard let context = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nil) else { return false }
    defer { EVP_PKEY_CTX_free(context) }
    var outputBytes = output.count
    return EVP_PKEY_derive_init(context) == 1
      && EVP_PKEY_CTX_set_hkdf_md(context, EVP_sha256()) == 1
      && (salt.isEmpty
        || EVP_PKEY_CTX_set1_hkdf_salt(
          context, salt.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(salt.count)) == 1)
      && EVP_PKEY_CTX_set1_hkdf_key(
        context, key.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(key.count)) == 1
      && (info.isEmpty
        || EVP_PKEY_CTX_add1_hkdf_info(
          context, info.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(info.count)) == 1)
      && EVP_PKEY_derive(
        context, output.baseAddress?.assumingMemoryBound(to: UInt8.self), &outputBytes) == 1
      && outputBytes == output.count
  }
}

/// Comparison whose duration says nothing about where two values differ.
package enum ConstantTime {
  /// Whether both arrays have the same bytes; a difference in length is not hidden.
  package static func equals(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.withUnsafeBytes { left in right.withUnsafeBytes { equals(left, $0) } }
  }

  /// Whether both buffers have the same bytes; a difference in length is not hidden.
  package static func equals(
    _ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer
  )
    -> Bool
  {
    guard left.count == right.count else { return false }
    guard let left = left.baseAddress, let rightStart = right.baseAddress else { return true }
    return CRYPTO_memcmp(left, rightStart, right.count) == 0
  }
}
