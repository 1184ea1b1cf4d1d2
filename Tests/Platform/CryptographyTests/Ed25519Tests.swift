import Cryptography
import Encodings
import Testing

@Suite struct Ed25519Tests {
  private static let directory = "asymmetric/Ed25519"

  /// The reference file behind RFC 8032: `seed+public:public:message:signature+message`.
  @Test func signaturesAreThoseOfTheReferenceVectors() throws {
    let lines = try VectorFile.text("\(Self.directory)/sign.input").split(separator: "\n")
    try #require(lines.count == 1024)
    for line in lines {
      let fields = try line.split(separator: ":", omittingEmptySubsequences: false).prefix(4).map {
        try #require(Hex.decode($0))
      }
      let message = fields[2]
      let expected = Array(fields[3].prefix(Ed25519.signatureBytes))
      let key = try Ed25519.SigningKey(seed: SecretBytes(copying: Array(fields[0].prefix(32))))
      #expect(key.verifyingKey.rawRepresentation == fields[1])
      #expect(try key.sign(message) == expected)
      #expect(key.verifyingKey.isValidSignature(expected, for: message))
    }
  }

  @Test func aChangedSignatureMessageOrKeyIsRefused() throws {
    let key = try Ed25519.SigningKey.generate()
    let message = Array("who may do what until when".utf8)
    let signature = try key.sign(message)
    for index in signature.indices {
      var tampered = signature
      tampered[index] ^= 1
      #expect(!key.verifyingKey.isValidSignature(tampered, for: message))
    }
    #expect(!key.verifyingKey.isValidSignature(signature, for: message + [0]))
    #expect(!key.verifyingKey.isValidSignature(Array(signature.dropLast()), for: message))
    #expect(!key.verifyingKey.isValidSignature(signature + [0], for: message))
    #expect(!key.verifyingKey.isValidSignature([], for: message))
    let other = try Ed25519.SigningKey.generate().verifyingKey
    #expect(!other.isValidSignature(signature, for: message))
  }

  @Test func pemFilesOfOtherToolsAreRead() throws {
    let privateText = try VectorFile.text("\(Self.directory)/ed25519-pkcs8.pem")
    let publicText = try VectorFile.text("\(Self.directory)/ed25519-pub.pem")
    let signingKey = try Ed25519.SigningKey(pem: SecretBytes(utf8: privateText))
    let verifyingKey = try Ed25519.VerifyingKey(pem: publicText)
    #expect(signingKey.verifyingKey.rawRepresentation == verifyingKey.rawRepresentation)
    #expect(verifyingKey.isValidSignature(try signingKey.sign([1]), for: [1]))

    #expect(try signingKey.pemRepresentation.withUTF8String { $0 } == privateText)
    #expect(try verifyingKey.pemRepresentation == publicText)
  }

  @Test func aKeySurvivesItsOwnPEM() throws {
    let key = try Ed25519.SigningKey.generate()
    let again = try Ed25519.SigningKey(pem: key.pemRepresentation)
    #expect(again.verifyingKey.keyID == key.verifyingKey.keyID)
    let raw = try Ed25519.VerifyingKey(rawRepresentation: key.verifyingKey.rawRepresentation)
    #expect(raw.isValidSignature(try again.sign([2]), for: [2]))
  }

  @Test(arguments: [
    "asymmetric/Ed25519/ed25519-pkcs8-enc.pem", "asymmetric/Ed25519/ed25519-pub.pem",
    "asymmetric/Ed448/ed448-pkcs8.pem", "asymmetric/X25519/x25519-pkcs8.pem",
    "asymmetric/PKCS8/unenc-rsa-pkcs8.pem",
  ])
  func aPrivateKeyThatIsEncryptedOrOfAnotherKindIsMalformed(_ path: String) throws {
    let text = try VectorFile.text(path)
    #expect(throws: CryptographyError.malformedKey) {
      try Ed25519.SigningKey(pem: SecretBytes(utf8: text))
    }
  }

  @Test(arguments: [
    "", "-----BEGIN PUBLIC KEY-----", "not a key", String(repeating: "-", count: 9999),
  ])
  func textThatIsNoKeyIsMalformed(_ text: String) {
    #expect(throws: CryptographyError.malformedKey) {
      try Ed25519.SigningKey(pem: SecretBytes(utf8: text))
    }
    #expect(throws: CryptographyError.malformedKey) { try Ed25519.VerifyingKey(pem: text) }
  }

  @Test(arguments: [0, 31, 33]) func keysOfAnotherLengthAreRefused(_ count: Int) throws {
    let bytes = [UInt8](repeating: 1, count: count)
    let expected = CryptographyError.invalidKeyLength(actual: count, expected: 32)
    #expect(throws: expected) { try Ed25519.SigningKey(seed: SecretBytes(copying: bytes)) }
    #expect(throws: expected) { try Ed25519.VerifyingKey(rawRepresentation: bytes) }
  }

  @Test func theKeyIDIsTheStartOfTheDigestOfThePublicKey() throws {
    let key = try Ed25519.SigningKey(seed: SecretBytes(copying: [UInt8](repeating: 7, count: 32)))
    let digest = Hex.encode(SHA256Digest.hash(key.verifyingKey.rawRepresentation))
    #expect(key.verifyingKey.keyID == String(digest.prefix(16)))
    #expect("\(key)" == "Ed25519 signing key \(key.verifyingKey.keyID)")
  }
}
