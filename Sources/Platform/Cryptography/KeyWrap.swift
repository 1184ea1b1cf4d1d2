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
