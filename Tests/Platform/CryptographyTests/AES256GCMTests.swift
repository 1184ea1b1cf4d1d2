import Cryptography
import Testing

@Suite struct AES256GCMTests {
  private static let key = SecretBytes(copying: Array(0..<32))
  private static let message = SecretBytes(utf8: "a key that nobody else may see")

  /// CAVP has 375 vectors of this shape in each direction.
  private static func vectors(_ file: String) throws -> [VectorFile.Vector] {
    let vectors = try VectorFile("ciphers/AES/GCM/\(file)").vectors.filter {
      $0["IVlen"] == "96" && $0["Taglen"] == "128"
    }
    try #require(vectors.count == 375)
    return vectors
  }

  @Test func sealingGivesTheCiphertextsAndTagsOfTheNISTVectors() throws {
    for vector in try Self.vectors("gcmEncryptExtIV256.rsp") {
      let plaintext = try vector.bytes("PT")
      let box = try plaintext.withUnsafeBytes {
        try AES256GCM.seal(
          $0, key: vector.secret("Key"), associatedData: vector.bytes("AAD"),
          withFixedIVForTestVectors: vector.bytes("IV"))
      }
      #expect(try box.ciphertext == vector.bytes("CT"), "count \(vector["Count"] ?? "")")
      #expect(try box.tag == vector.bytes("Tag"), "count \(vector["Count"] ?? "")")
      #expect(try box.iv == vector.bytes("IV"))
    }
  }

  @Test func openingAcceptsAndRefusesAsTheNISTVectorsSay() throws {
    var refusedCount = 0
    for vector in try Self.vectors("gcmDecrypt256.rsp") {
      let box = try SealedBox(
        iv: vector.bytes("IV"), ciphertext: vector.bytes("CT"), tag: vector.bytes("Tag"))
      let key = try vector.secret("Key")
      let associatedData = try vector.bytes("AAD")
      if vector["FAIL"] != nil {
        refusedCount += 1
        #expect(throws: CryptographyError.authenticationFailed) {
          try AES256GCM.open(box, key: key, associatedData: associatedData)
        }
      } else {
        let opened = try AES256GCM.open(box, key: key, associatedData: associatedData)
        #expect(try opened.exposed == vector.bytes("PT"))
      }
    }
    #expect(refusedCount > 100)
  }

  @Test func changingAnyBitOfTheBoxIsNoticed() throws {
    let box = try AES256GCM.seal(Self.message, key: Self.key, associatedData: [1, 2])
    for index in box.combined.indices {
      for bit in 0..<8 {
        var combined = box.combined
        combined[index] ^= 1 << UInt8(bit)
        let tampered = try SealedBox(combined: combined)
        #expect(throws: CryptographyError.authenticationFailed) {
          try AES256GCM.open(tampered, key: Self.key, associatedData: [1, 2])
        }
      }
    }
  }

  @Test func cuttingOrExtendingTheBoxIsNoticed() throws {
    let box = try AES256GCM.seal(Self.message, key: Self.key, associatedData: [])
    for count in AES256GCM.overheadBytes..<box.combined.count {
      let cut = try SealedBox(combined: Array(box.combined.prefix(count)))
      #expect(throws: CryptographyError.authenticationFailed) {
        try AES256GCM.open(cut, key: Self.key, associatedData: [])
      }
    }
    let extended = try SealedBox(combined: box.combined + [0])
    #expect(throws: CryptographyError.authenticationFailed) {
      try AES256GCM.open(extended, key: Self.key, associatedData: [])
    }
  }

  @Test(arguments: [[], [1], [1, 2, 4], [1, 2, 3, 0]] as [[UInt8]])
  func otherAssociatedDataIsRefused(_ other: [UInt8]) throws {
    let box = try AES256GCM.seal(Self.message, key: Self.key, associatedData: [1, 2, 3])
    #expect(throws: CryptographyError.authenticationFailed) {
      try AES256GCM.open(box, key: Self.key, associatedData: other)
    }
  }

  @Test func anotherKeyIsRefusedWithTheSameErrorAsTampering() throws {
    let box = try AES256GCM.seal(Self.message, key: Self.key, associatedData: [])
    let others = [
      try SecretBytes.random(count: 32), SecretBytes(copying: [1]), SecretBytes(utf8: ""),
    ]
    for other in others {
      #expect(throws: CryptographyError.authenticationFailed) {
        try AES256GCM.open(box, key: other, associatedData: [])
      }
    }
  }

  @Test func everySealHasAnIVOfItsOwn() throws {
    var seen: Set<[UInt8]> = []
    for _ in 0..<5000 {
      seen.insert(try AES256GCM.seal(Self.message, key: Self.key, associatedData: []).iv)
    }
    #expect(seen.count == 5000)
  }

  @Test(arguments: [0, 1, 15, 16, 17, 255, 4096, 100_000])
  func whatWasSealedOpensAgain(_ count: Int) throws {
    let plaintext = try SecretBytes.random(count: count)
    let box = try AES256GCM.seal(plaintext, key: Self.key, associatedData: [7])
    #expect(box.combined.count == count + AES256GCM.overheadBytes)
    let stored = try SealedBox(combined: box.combined)
    let opened = try AES256GCM.open(stored, key: Self.key, associatedData: [7])
    #expect(opened.constantTimeEquals(plaintext))
  }

  @Test(arguments: [0, 16, 31, 33]) func sealingRefusesAKeyOfAnotherLength(_ count: Int) throws {
    let key = try SecretBytes.random(count: count)
    #expect(throws: CryptographyError.invalidKeyLength(actual: count, expected: 32)) {
      try AES256GCM.seal(Self.message, key: key, associatedData: [])
    }
  }

  @Test func sealingRefusesAnInputPastTheLimit() throws {
    let tooMuch = [UInt8](repeating: 0, count: AES256GCM.inputBytesMax + 1)
    #expect(
      throws: CryptographyError.inputTooLong(
        actual: tooMuch.count, max: AES256GCM.inputBytesMax)
    ) {
      try tooMuch.withUnsafeBytes {
        try AES256GCM.seal($0, key: Self.key, associatedData: [])
      }
    }
  }

  @Test func bytesTooShortForABoxAreMalformed() {
    for count in 0..<AES256GCM.overheadBytes {
      #expect(throws: CryptographyError.malformedSealedBox) {
        try SealedBox(combined: [UInt8](repeating: 0, count: count))
      }
    }
  }
}
