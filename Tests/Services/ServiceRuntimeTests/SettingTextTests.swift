import Cryptography
import Testing

@testable import ServiceRuntime

@Suite struct SettingTextTests {
  @Test(arguments: [
    ("90", Duration.seconds(90)), ("500ms", .milliseconds(500)), ("15m", .seconds(900)),
    ("12h", .seconds(43_200)), ("30d", .seconds(2_592_000)), ("0", .zero),
  ])
  func durationsAreRead(_ text: String, _ duration: Duration) {
    #expect(DurationText.parse(text) == duration)
  }

  @Test(arguments: [
    "", "d", "1.5h", "-1s", "1 h", "1w", "99999999999999999999", "99999999999999999d",
  ])
  func anythingElseIsNoDuration(_ text: String) {
    #expect(DurationText.parse(text) == nil)
  }

  @Test(arguments: ["30d", "36h", "90s", "500ms", "0s"])
  func durationsAreWrittenInTheirLargestUnit(_ text: String) throws {
    #expect(DurationText.text(try #require(DurationText.parse(text))) == text)
  }

  @Test(arguments: [
    ("localhost:0", NetworkAddress(host: "localhost", port: 0)),
    ("192.0.2.1:443", NetworkAddress(host: "192.0.2.1", port: 443)),
    ("[2001:db8::1]:65535", NetworkAddress(host: "2001:db8::1", port: 65_535)),
  ])
  func addressesAreReadAndWritten(_ text: String, _ address: NetworkAddress) {
    #expect(NetworkAddress(text) == address)
    #expect(address.description == text)
  }

  @Test(arguments: [
    "", ":80", "host", "host:", "host:65536", "host:-1", "::1:80", "[host]:80", "a b:80", "h/:80",
  ])
  func anythingElseIsNoAddress(_ text: String) {
    #expect(NetworkAddress(text) == nil)
  }

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
