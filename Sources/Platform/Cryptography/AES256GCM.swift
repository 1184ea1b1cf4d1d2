import COpenSSL
import OpenSSL
import Synchronization

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

  private static let cipher = AEADCipher("AES-256-GCM")

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
            cipher.decrypt(combined, key: key, associatedData: $0, into: plaintext)
          }
        }
      }
      SealStatistics.opened(isAuthentic)
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
          cipher.encrypt(plaintext, key: key, associatedData: $0, into: output)
        }
      }
      initializedCount = combinedBytes
    }
    guard hasIV else { throw .randomnessUnavailable }
    guard isSealed else { throw CryptographyError.engine("AES-256-GCM seal") }
    SealStatistics.sealed()
    return SealedBox(trusting: combined)
  }
}

/// The result of sealing: a 12-byte IV, the ciphertext and a 16-byte tag, kept in that order in one
/// array.
package struct SealedBox: Sendable, Equatable {
  /// IV || ciphertext || tag, the form to store.
  package let combined: [UInt8]

  /// The 96-bit initialisation vector (NIST SP 800-38D, 8.2.2).
  package var iv: [UInt8] { Array(combined[..<AES256GCM.ivBytes]) }

  /// As long as the plaintext.
  package var ciphertext: [UInt8] { Array(combined[ciphertextRange]) }

  /// The 128-bit authentication tag.
  package var tag: [UInt8] { Array(combined[ciphertextRange.upperBound...]) }

  var ciphertextRange: Range<Int> {
    AES256GCM.ivBytes..<(combined.count - AES256GCM.tagBytes)
  }

  /// Takes the stored form; throws `.malformedSealedBox` when it is shorter than IV and tag.
  package init(combined: [UInt8]) throws(CryptographyError) {
    guard combined.count >= AES256GCM.overheadBytes else { throw .malformedSealedBox }
    self.combined = combined
  }

  /// Joins the three parts; throws `.malformedSealedBox` when IV or tag have the wrong length.
  package init(iv: [UInt8], ciphertext: [UInt8], tag: [UInt8]) throws(CryptographyError) {
    guard iv.count == AES256GCM.ivBytes, tag.count == AES256GCM.tagBytes else {
      throw .malformedSealedBox
    }
    combined = iv + ciphertext + tag
  }

  init(trusting combined: [UInt8]) {
    self.combined = combined
  }
}

/// Wraps data keys by a key-encryption key, with AES-256-GCM.
package enum KeyWrap {
  package static let dataKeyBytes = 32

  /// Keeps a wrapped key and a sealed value apart even when both carry the same associated data.
  private static let label = Array("chatelaine key wrap\0".utf8)

  /// Creates a random data key.
  package static func generateDataKey() throws(CryptographyError) -> SecretBytes {
    try SecretBytes.random(count: dataKeyBytes)
  }

  /// Wraps a 32-byte data key and binds `associatedData`; throws `.invalidKeyLength` for any other
  /// length of either key.
  package static func wrap(
    _ dataKey: SecretBytes, with keyEncryptionKey: SecretBytes, associatedData: [UInt8]
  ) throws(CryptographyError) -> SealedBox {
    guard dataKey.count == dataKeyBytes else {
      throw .invalidKeyLength(actual: dataKey.count, expected: dataKeyBytes)
    }
    return try AES256GCM.seal(
      dataKey, key: keyEncryptionKey, associatedData: label + associatedData)
  }

  /// Unwraps a data key; every failure is `.authenticationFailed`.
  package static func unwrap(
    _ wrapped: SealedBox, with keyEncryptionKey: SecretBytes, associatedData: [UInt8]
  ) throws(CryptographyError) -> SecretBytes {
    let dataKey = try AES256GCM.open(
      wrapped, key: keyEncryptionKey, associatedData: label + associatedData)
    guard dataKey.count == dataKeyBytes else { throw .authenticationFailed }
    return dataKey
  }
}

/// How often this process has sealed and opened: for its operator's metrics.
package enum SealStatistics {
  private static let sealCount = Atomic<Int>(0)
  private static let openCount = Atomic<Int>(0)
  private static let failedOpenCount = Atomic<Int>(0)

  package static var seals: Int { sealCount.load(ordering: .relaxed) }
  /// Those that were what had been sealed.
  package static var opens: Int { openCount.load(ordering: .relaxed) }
  /// Those that were not: another key, another place, or tampered with.
  package static var failedOpens: Int { failedOpenCount.load(ordering: .relaxed) }

  static func sealed() { sealCount.wrappingAdd(1, ordering: .relaxed) }

  static func opened(_ isAuthentic: Bool) {
    if isAuthentic {
      openCount.wrappingAdd(1, ordering: .relaxed)
    } else {
      failedOpenCount.wrappingAdd(1, ordering: .relaxed)
    }
  }
}
