import Cryptography
import Testing

/// SHA-256, HMAC and HKDF against published vectors.
@Suite struct HashTests {
  @Test(arguments: [("SHA256ShortMsg.rsp", 65), ("SHA256LongMsg.rsp", 64)])
  func digestsAreThoseOfTheNISTVectors(_ file: String, _ count: Int) throws {
    let vectors = try VectorFile("hashes/SHA2/\(file)").vectors.filter { $0["MD"] != nil }
    try #require(vectors.count == count)
    for vector in vectors {
      // A length of 0 is written with one byte of filler.
      let message = try Array(vector.bytes("Msg").prefix(vector.number("Len") / 8))
      #expect(try SHA256Digest.hash(message) == vector.bytes("MD"))
      #expect(try SHA256Digest.hash(SecretBytes(copying: message)) == vector.bytes("MD"))
    }
  }

  @Test func authenticationCodesAreThoseOfRFC4231() throws {
    let vectors = try VectorFile("HMAC/rfc-4231-sha256.txt").vectors
    try #require(vectors.count >= 6)
    for vector in vectors {
      let key = try vector.secret("Key")
      let message = try vector.bytes("Msg")
      let code = try vector.bytes("MD")
      #expect(HMACSHA256.authenticationCode(for: message, key: key).prefix(code.count) == code[...])
    }
  }

  @Test func onlyTheWholeAuthenticationCodeIsValid() throws {
    let key = try SecretBytes.random(count: 32)
    let code = HMACSHA256.authenticationCode(for: [1, 2, 3], key: key)
    #expect(HMACSHA256.isValid(code, for: [1, 2, 3], key: key))
    #expect(!HMACSHA256.isValid(Array(code.dropLast()), for: [1, 2, 3], key: key))
    #expect(!HMACSHA256.isValid([], for: [1, 2, 3], key: key))
    #expect(!HMACSHA256.isValid(code, for: [1, 2], key: key))
    for index in code.indices {
      var tampered = code
      tampered[index] ^= 1
      #expect(!HMACSHA256.isValid(tampered, for: [1, 2, 3], key: key))
    }
  }

  @Test(arguments: [("rfc-5869-HKDF-SHA256.txt", 3), ("hkdf-generated.txt", 1)])
  func derivedKeysAreThoseOfTheVectors(_ file: String, _ count: Int) throws {
    let vectors = try VectorFile("KDF/\(file)").vectors
    try #require(vectors.count == count)
    for vector in vectors {
      let derived = try HKDF.derive(
        inputKeyMaterial: vector.secret("IKM"), salt: vector.bytes("salt"),
        info: vector.bytes("info"), byteCount: vector.number("L"))
      #expect(try derived.exposed == vector.bytes("OKM"))
    }
  }

  @Test func derivingNothingOrTooMuchIsAnError() throws {
    let key = try SecretBytes.random(count: 32)
    #expect(
      throws: CryptographyError.inputTooLong(
        actual: HKDF.outputBytesMax + 1, max: HKDF.outputBytesMax)
    ) {
      try HKDF.derive(
        inputKeyMaterial: key, salt: [], info: [], byteCount: HKDF.outputBytesMax + 1)
    }
    for count in [0, -1] {
      #expect(throws: CryptographyError.self) {
        try HKDF.derive(inputKeyMaterial: key, salt: [], info: [], byteCount: count)
      }
    }
    let longest = try HKDF.derive(
      inputKeyMaterial: key, salt: [], info: [], byteCount: HKDF.outputBytesMax)
    #expect(longest.count == HKDF.outputBytesMax)
  }

  @Test func comparisonSeesEveryDifference() {
    #expect(ConstantTime.equals([], [] as [UInt8]))
    #expect(ConstantTime.equals([1, 2, 3], [1, 2, 3]))
    #expect(!ConstantTime.equals([1, 2, 3], [1, 2]))
    #expect(!ConstantTime.equals([], [0]))
    #expect(!ConstantTime.equals([1, 2, 3], [1, 2, 4]))
    #expect(!ConstantTime.equals([1, 2, 3], [0, 2, 3]))
  }
}
