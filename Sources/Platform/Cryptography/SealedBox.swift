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
