import Callers
import Cryptography
import Testing

@Suite struct AssertionKeysTests {
  @Test func severalPublicKeysAreReadInOrder() throws {
    let keys = try (1...3).map { _ in try Ed25519.SigningKey.generate().verifyingKey }
    let text = try "# keys\n" + keys.map { try $0.pemRepresentation }.joined(separator: "\n")
    #expect(try AssertionKeys.parse(text).map(\.keyID) == keys.map(\.keyID))
  }

  @Test func textWithoutAPublicKeyIsRefused() throws {
    #expect(throws: AssertionKeys.Problem.none) { try AssertionKeys.parse("no key") }
    let good = try Ed25519.SigningKey.generate().verifyingKey.pemRepresentation
    let bad = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
    #expect(throws: AssertionKeys.Problem.malformed(number: 2)) {
      try AssertionKeys.parse(good + bad)
    }
    #expect(throws: AssertionKeys.Problem.malformed(number: 1)) {
      try AssertionKeys.parse("-----BEGIN PUBLIC KEY-----\n")
    }
    #expect(throws: AssertionKeys.Problem.tooMany) {
      try AssertionKeys.parse(String(repeating: good, count: AssertionKeys.countMax + 1))
    }
  }
}
