import Encodings
import Testing

@Suite struct PercentCodingTests {
  private static func lenient(_ text: String) -> String {
    Array(text.utf8).withUnsafeBytes { PercentCoding.decodeLeniently($0) }
  }

  @Test(arguments: [
    ("plain text", "plain text"), ("100%", "100%25"), ("☃", "%E2%98%83"), ("a\nb", "a%0Ab"),
    ("~", "~"),
  ])
  func messagesKeepWhatIsVisible(_ plain: String, _ encoded: String) {
    #expect(PercentCoding.encode(plain, keeping: .visible) == encoded)
    #expect(Self.lenient(encoded) == plain)
  }

  @Test func urlsKeepWhatIsUnreserved() {
    #expect(PercentCoding.encode("aZ09-._~ /+%é\u{0}") == "aZ09-._~%20%2F%2B%25%C3%A9%00")
    #expect(PercentCoding.encode("e\u{301}") == "e%CC%81")
  }

  @Test func aLenientReaderTakesBrokenEscapesLiterally() {
    for text in ["%", "%4", "%zz", "100% sure", "%%", "%\u{301}41"] {
      #expect(Self.lenient(text) == text)
    }
    #expect(Self.lenient("%e2%98%83") == "☃")
    #expect(Self.lenient("%FF") == "\u{FFFD}")
  }

  @Test(arguments: [
    "%", "%4", "%zz", "a%", "%%41", "%FF", "%C3", "%0A", "%00", "%7F", "\n", "%4\u{301}1",
  ])
  func aStrictReaderRefusesThem(_ text: String) {
    #expect(PercentCoding.decode(text) == nil)
  }

  @Test func aPlusIsASpaceOnlyInForms() {
    #expect(PercentCoding.decode("a+b%2B") == "a+b+")
    #expect(PercentCoding.decode("a+b%2B", plusIsSpace: true) == "a b+")
  }

  @Test func aFormMayHaveLinesButNoNUL() {
    let decode = { PercentCoding.decode($0 as String, controls: .allowedButNUL) }
    #expect(decode("a%0D%0A%09b") == "a\r\n\tb")
    #expect(decode("a%00b") == nil)
    #expect(decode("%ff") == nil)
  }
}
