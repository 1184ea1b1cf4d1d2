internal import COpenSSL
import OpenSSL

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
