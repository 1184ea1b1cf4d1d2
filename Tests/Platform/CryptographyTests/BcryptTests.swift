import Testing

@testable import Cryptography

@Suite struct BcryptTests {
  private let hasher = PasswordHasher(
    parameters: PasswordHasher.Parameters(memoryKiB: 64, iterations: 1, parallelism: 1))

  /// Published with crypt_blowfish, which everybody's implementation is measured by.
  @Test(arguments: [
    ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
    ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*"),
    ("$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*U"),
    ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", ""),
  ])
  func aHashOfAnotherApplicationIsVerifiedAndWantsToBeReplaced(
    _ stored: String, _ password: String
  ) throws {
    #expect(
      try hasher.verify(SecretBytes(utf8: password), against: stored)
        == PasswordHasher.Verification(matches: true, needsRehash: true))
    #expect(try !hasher.verify(SecretBytes(utf8: password + "x"), against: stored).matches)
    #expect(try !hasher.verify(SecretBytes(utf8: password + "\0"), against: stored).matches)
  }

  @Test func theLaterNamesOfTheSameFunctionAreKnown() throws {
    for name in ["2b", "2y"] {
      let stored = "$\(name)$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
      #expect(try hasher.verify(SecretBytes(utf8: "U*U"), against: stored).matches)
    }
  }

  @Test func costsThatWouldHoldUpEverybodyAreRefused() {
    for cost in ["03", "15", "31"] {
      #expect(throws: PasswordHashingError.refusedParameters) {
        try hasher.verify(
          SecretBytes(utf8: "U*U"),
          against: "$2a$\(cost)$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")
      }
    }
  }

  @Test(arguments: [
    "$2a$", "$2a$05$short", "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    "$2a$5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeWx",
    "$2a$05$CCCCCCCCCCCCCCCCCC:CC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
  ])
  func whatIsNoHashIsMalformed(_ stored: String) {
    #expect(throws: PasswordHashingError.malformedHash) {
      try hasher.verify(SecretBytes(utf8: "U*U"), against: stored)
    }
  }
}
