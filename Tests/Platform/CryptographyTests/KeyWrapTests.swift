import Cryptography
import Testing

@Suite struct KeyWrapTests {
  @Test func aWrappedKeyUnwrapsOnlyWithItsKeyAndItsAssociatedData() throws {
    let keyEncryptionKey = try SecretBytes.random(count: 32)
    let dataKey = try KeyWrap.generateDataKey()
    let wrapped = try KeyWrap.wrap(dataKey, with: keyEncryptionKey, associatedData: [1])

    let unwrapped = try KeyWrap.unwrap(wrapped, with: keyEncryptionKey, associatedData: [1])
    #expect(unwrapped.constantTimeEquals(dataKey))
    #expect(throws: CryptographyError.authenticationFailed) {
      try KeyWrap.unwrap(wrapped, with: keyEncryptionKey, associatedData: [2])
    }
    #expect(throws: CryptographyError.authenticationFailed) {
      try KeyWrap.unwrap(wrapped, with: SecretBytes.random(count: 32), associatedData: [1])
    }
  }

  @Test func aWrappedKeyDoesNotOpenAsDataNorDataAsAKey() throws {
    let key = try SecretBytes.random(count: 32)
    let wrapped = try KeyWrap.wrap(KeyWrap.generateDataKey(), with: key, associatedData: [1])
    let sealed = try AES256GCM.seal(SecretBytes.random(count: 32), key: key, associatedData: [1])

    #expect(throws: CryptographyError.authenticationFailed) {
      try AES256GCM.open(wrapped, key: key, associatedData: [1])
    }
    #expect(throws: CryptographyError.authenticationFailed) {
      try KeyWrap.unwrap(sealed, with: key, associatedData: [1])
    }
  }

  @Test(arguments: [0, 16, 31, 33]) func onlyDataKeysOf32BytesAreWrapped(_ count: Int) throws {
    let key = try SecretBytes.random(count: 32)
    #expect(throws: CryptographyError.invalidKeyLength(actual: count, expected: 32)) {
      try KeyWrap.wrap(SecretBytes.random(count: count), with: key, associatedData: [])
    }
  }
}
