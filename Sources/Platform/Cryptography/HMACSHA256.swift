internal import COpenSSL

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
