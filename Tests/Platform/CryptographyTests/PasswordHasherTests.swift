import Testing

@testable import Cryptography

@Suite struct PasswordHasherTests {
  /// Far below what is safe, to keep the tests quick.
  private static let quick = PasswordHasher(
    parameters: PasswordHasher.Parameters(memoryKiB: 64, iterations: 1, parallelism: 1))
  private let password = SecretBytes(utf8: "correct horse battery staple")

  @Test func tagsAreThoseOfRFC9106AndTheReferenceTool() throws {
    let vectors = try VectorFile("KDF/argon2id.txt").vectors
    try #require(vectors.count >= 2)
    for vector in vectors {
      let parameters = try PasswordHasher.Parameters(
        memoryKiB: UInt32(vector.number("memcost")), iterations: UInt32(vector.number("iter")),
        parallelism: UInt32(vector.number("lanes")))
      var tag = [UInt8](repeating: 0, count: try vector.number("length"))
      try vector.bytes("pass").withUnsafeBytes { password in
        try tag.withUnsafeMutableBytes { tag in
          try Argon2id.derive(
            password: password, salt: vector.bytes("salt"), parameters: parameters,
            secret: vector["secret"] == nil ? [] : vector.bytes("secret"),
            associatedData: vector["ad"] == nil ? [] : vector.bytes("ad"), into: tag)
        }
      }
      #expect(try tag == vector.bytes("output"), "count \(vector["COUNT"] ?? "")")
    }
  }

  @Test func theRightPasswordMatchesAndNoOther() throws {
    let hash = try Self.quick.hash(password)
    #expect(try Self.quick.verify(password, against: hash).matches)
    for other in ["", "correct horse battery stapl", "Correct horse battery staple", "\u{0}"] {
      #expect(try !Self.quick.verify(SecretBytes(utf8: other), against: hash).matches)
    }
  }

  @Test func theRecommendedCostIsWhatNewHashesCarry() throws {
    let hasher = PasswordHasher()
    let hash = try hasher.hash(password)
    #expect(hash.hasPrefix("$argon2id$v=19$m=19456,t=2,p=1$"))
    let verification = try hasher.verify(password, against: hash)
    #expect(verification == PasswordHasher.Verification(matches: true, needsRehash: false))
  }

  @Test func theSamePasswordNeverHashesTheSame() throws {
    #expect(try Self.quick.hash(password) != Self.quick.hash(password))
  }

  @Test func longPasswordsAreNotCutAndNULDoesNotEndThem() throws {
    let long = [UInt8](repeating: 0x61, count: PasswordHasher.passwordBytesMax)
    let hash = try Self.quick.hash(SecretBytes(copying: long))
    #expect(try Self.quick.verify(SecretBytes(copying: long), against: hash).matches)
    let shorter = SecretBytes(copying: Array(long.dropLast()))
    #expect(try !Self.quick.verify(shorter, against: hash).matches)

    let withNUL = try Self.quick.hash(SecretBytes(copying: [1, 0, 2]))
    #expect(try !Self.quick.verify(SecretBytes(copying: [1, 0, 3]), against: withNUL).matches)

    let tooLong = SecretBytes(copying: long + [0x61])
    #expect(throws: PasswordHashingError.passwordTooLong) { try Self.quick.hash(tooLong) }
    #expect(throws: PasswordHashingError.passwordTooLong) {
      try Self.quick.verify(tooLong, against: hash)
    }
  }

  @Test func aHashOfOtherCostMatchesAndAsksForARehash() throws {
    let old = PasswordHasher(
      parameters: PasswordHasher.Parameters(memoryKiB: 32, iterations: 2, parallelism: 2))
    let verification = try Self.quick.verify(password, against: old.hash(password))
    #expect(verification == PasswordHasher.Verification(matches: true, needsRehash: true))
  }

  /// Made by the `argon2` command-line tool from the password "password" and the salt "somesalt".
  @Test func hashesOfTheReferenceToolAreRead() throws {
    let hash =
      "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
    let verification = try Self.quick.verify(SecretBytes(utf8: "password"), against: hash)
    #expect(verification == PasswordHasher.Verification(matches: true, needsRehash: true))
  }

  @Test func theDummyHashCostsTheSameAndMatchesNothing() throws {
    for hasher in [Self.quick, PasswordHasher()] {
      let real = try PasswordHashText(parsing: hasher.hash(password))
      let dummy = try PasswordHashText(parsing: hasher.dummyHash)
      #expect(dummy.parameters == real.parameters)
      #expect(dummy.salt.count == real.salt.count)
      #expect(dummy.tag.count == real.tag.count)
      #expect(try !hasher.verify(password, against: hasher.dummyHash).matches)
    }
  }

  private static let salt = "c29tZXNhbHRzb21lc2FsdA"
  private static let tag = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

  @Test(arguments: [
    "", "$", "$$$$$", "plain", "$2b$10$abcdefghijklmnopqrstuv",
    "$argon2i$v=19$m=64,t=1,p=1$\(salt)$\(tag)", "$argon2id$v=16$m=64,t=1,p=1$\(salt)$\(tag)",
    "$argon2id$m=64,t=1,p=1$\(salt)$\(tag)", "argon2id$v=19$m=64,t=1,p=1$\(salt)$\(tag)",
    "$argon2id$v=19$t=1,m=64,p=1$\(salt)$\(tag)", "$argon2id$v=19$m=64,t=1$\(salt)$\(tag)",
    "$argon2id$v=19$m=-64,t=1,p=1$\(salt)$\(tag)", "$argon2id$v=19$m=064,t=1,p=1$\(salt)$\(tag)",
    "$argon2id$v=19$m=64,t=+1,p=1$\(salt)$\(tag)", "$argon2id$v=19$m=64,t=,p=1$\(salt)$\(tag)",
    "$argon2id$v=19$m=64,t=1,p=1$\(salt)", "$argon2id$v=19$m=64,t=1,p=1$\(salt)$\(tag)$",
    "$argon2id$v=19$m=64,t=1,p=1$\(salt)=$\(tag)", "$argon2id$v=19$m=64,t=1,p=1$sal-$\(tag)",
    "$argon2id$v=19$m=64,t=1,p=1$\(salt)$\(String(repeating: "A", count: 600))",
  ])
  func storedTextOfAnotherShapeIsMalformed(_ text: String) {
    #expect(throws: PasswordHashingError.malformedHash) {
      try Self.quick.verify(password, against: text)
    }
  }

  @Test(arguments: [
    "m=4294967295,t=1,p=1", "m=99999999999999999999,t=1,p=1", "m=262145,t=1,p=1", "m=64,t=17,p=1",
    "m=64,t=1,p=17", "m=7,t=1,p=1", "m=64,t=1,p=9",
  ])
  func storedTextThatAsksForTooMuchOrTooLittleIsRefused(_ settings: String) {
    #expect(throws: PasswordHashingError.refusedParameters) {
      try Self.quick.verify(
        password, against: "$argon2id$v=19$\(settings)$\(Self.salt)$\(Self.tag)")
    }
  }

  @Test func storedTextWithShortSaltOrTagIsRefused() {
    for (salt, tag) in [("AAAA", Self.tag), (Self.salt, "AAAA"), ("", Self.tag)] {
      #expect(throws: PasswordHashingError.refusedParameters) {
        try Self.quick.verify(password, against: "$argon2id$v=19$m=64,t=1,p=1$\(salt)$\(tag)")
      }
    }
  }
}
