import Encodings
import Foundation
import Testing

@Suite struct Base64Tests {
  /// RFC 4648, 10.
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
    ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
  ])
  func theVectorsOfRFC4648(_ plain: String, _ text: String) {
    let bytes = Array(plain.utf8)
    #expect(Base64.standard.encode(bytes, isPadded: true) == text)
    #expect(Base64.standard.decode(text, padding: .optional) == bytes)
    let digits = text.filter { $0 != "=" }
    #expect(Base64.standard.encode(bytes) == digits)
    #expect(Base64.standard.decode(digits) == bytes)
    #expect(Base64.standard.decode(digits, padding: .optional) == bytes)
  }

  @Test func agreesWithFoundationForAllShortLengths() {
    for count in 0..<200 {
      let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max) }
      let standard = Data(bytes).base64EncodedString()
      let url = standard.replacing("+", with: "-").replacing("/", with: "_").replacing(
        "=", with: "")
      #expect(Base64.standard.encode(bytes, isPadded: true) == standard)
      #expect(Base64.standard.decode(standard, padding: .optional) == bytes)
      #expect(Base64.url.encode(bytes) == url)
      #expect(Base64.url.decode(url) == bytes)
      #expect(Base64.either.decode(standard, padding: .optional) == bytes)
      #expect(Base64.either.decode(url) == bytes)
    }
  }

  /// The digits are told by arithmetic; this compares it with the table of RFC 4648.
  @Test(arguments: [Base64.standard, .url, .either])
  func everyByteIsADigitOrIsNone(_ alphabet: Base64) {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    let ends = [Base64.standard: "+/", .url: "-_", .either: "+/-_"]
    let digits = Array((letters + (ends[alphabet] ?? "")).utf8)
    for byte in UInt8.min ... .max {
      #expect(alphabet.isDigit(byte) == digits.contains(byte), "\(byte)")
      let decoded = [UInt8(ascii: "A"), byte].withUnsafeBytes { alphabet.decode($0) }
      // The second digit of a byte has four bits that must be zero.
      let value = digits.firstIndex(of: byte).map { $0 > 63 ? $0 - 2 : $0 }
      #expect(decoded == value.flatMap { $0 & 15 == 0 ? [UInt8($0 >> 4)] : nil }, "\(byte)")
    }
  }

  @Test(arguments: ["A", "AAAAA", "AA==", "AB", "AAB", "A A", "AA\n", "+A", "/A", "Aé", "\u{0}A"])
  func anythingButTheOneSpellingIsRefused(_ text: String) {
    #expect(Base64.url.decode(text) == nil)
  }

  @Test(arguments: [
    "A", "AAAAA", "AB==", "AAB=", "=", "AA=", "A===", "====", "AA==AA==", "A\n==", "Ä===", "Zg=",
    "Zm9v=", "Zm9vYg=", "Zm 9v", "Zg==Zg", "Zm9v====", "=AAA", "A=AA",
    // A combining mark hides the byte before it from whoever looks at characters.
    "AA=\u{301}=", "AAA\u{301}", "\u{301}",
  ])
  func paddingIsRightOrRefused(_ text: String) {
    #expect(Base64.either.decode(text, padding: .optional) == nil)
  }

  @Test func oneAlphabetDoesNotReadTheOther() {
    #expect(Base64.standard.decode("-_") == nil)
    #expect(Base64.url.decode("+w") == nil)
    #expect(Base64.either.decode("+_-/") == [0xFB, 0xFF, 0xBF])
  }
}
