import Cryptography
import Foundation
import Testing

@Suite struct CodecTests {
  @Test func base64URLAgreesWithFoundationForAllShortLengths() throws {
    for count in 0..<100 {
      let bytes = try SecureRandom.bytes(count)
      let expected = Data(bytes).base64EncodedString().replacing("+", with: "-")
        .replacing("/", with: "_").replacing("=", with: "")
      #expect(Base64URL.encode(bytes) == expected)
      #expect(Base64URL.decode(expected) == bytes)
    }
  }

  @Test(arguments: ["A", "AAAAA", "AA==", "AB", "AAB", "A A", "AA\n", "+A", "/A", "Aé", "\u{0}A"])
  func base64URLRefusesAnythingButItsOneSpelling(_ text: String) {
    #expect(Base64URL.decode(text) == nil)
  }

  @Test func hexIsWrittenInLowerCaseAndReadInEither() {
    #expect(Hex.encode([0x00, 0x7f, 0xab, 0xff]) == "007fabff")
    #expect(Hex.decode("007fABff") == [0x00, 0x7f, 0xab, 0xff])
    #expect(Hex.decode("") == [])
  }

  @Test(arguments: ["0", "000", "0g", "0x", " 0", "+1", "é"])
  func hexRefusesOddLengthsAndForeignCharacters(_ text: String) {
    #expect(Hex.decode(text) == nil)
  }

  @Test func randomBytesHaveTheLengthAskedFor() throws {
    #expect(try SecureRandom.bytes(0) == [])
    #expect(try SecureRandom.bytes(1000).count == 1000)
    #expect(try SecureRandom.bytes(32) != SecureRandom.bytes(32))
  }
}
