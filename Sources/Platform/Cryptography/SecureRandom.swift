internal import COpenSSL

/// Random bytes from OpenSSL's generators, which the kernel seeds.
package enum SecureRandom {
  /// Returns `count` bytes that may become public: nonces, salts, identifiers. Secrets come from
  /// `SecretBytes.random`.
  package static func bytes(_ count: Int) throws(CryptographyError) -> [UInt8] {
    var filled = false
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
      filled = fillPublic(UnsafeMutableRawBufferPointer(buffer))
      initializedCount = filled ? count : 0
    }
    guard filled else { throw .randomnessUnavailable }
    return bytes
  }

  static func fillPublic(_ buffer: UnsafeMutableRawBufferPointer) -> Bool {
    guard let start = buffer.baseAddress, !buffer.isEmpty else { return true }
    guard let count = Int32(exactly: buffer.count) else { return false }
    return RAND_bytes(start.assumingMemoryBound(to: UInt8.self), count) == 1
  }

  static func fillPrivate(_ buffer: UnsafeMutableRawBufferPointer) throws(CryptographyError) {
    guard let start = buffer.baseAddress, !buffer.isEmpty else { return }
    guard let count = Int32(exactly: buffer.count),
      RAND_priv_bytes(start.assumingMemoryBound(to: UInt8.self), count) == 1
    else { throw .randomnessUnavailable }
  }
}
