internal import COpenSSL

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
