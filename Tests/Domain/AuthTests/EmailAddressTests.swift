import Testing

@testable import Auth

@Suite struct EmailAddressTests {
  @Test(arguments: [
    "a@b", "ann@example.com", "ann.lee+keys@sub.example.co", "o'neil@example.com",
    "a@xn--bcher-kva.example",
  ])
  func anOrdinaryAddressIsKeptAsWritten(_ text: String) throws {
    #expect(try EmailAddress(text).text == text)
  }

  @Test(arguments: [
    "", "ann", "@example.com", "ann@", "a@b@c", "ann lee@example.com", ".ann@example.com",
    "ann.@example.com", "an..n@example.com", "ann@-example.com", "ann@example-.com",
    "ann@example..com", "ann@example.com\r\nBcc: all@example.com", "ann\u{0}@example.com",
    "änn@example.com", "\"ann\"@example.com", "ann@[192.0.2.1]", " ", "ann @example.com",
    "ann@exa mple.com", "ann@\u{308}a.example", "ann@\u{ff41}.example",
    "ann@☃.example", "ann@a\u{200d}b.example", "ann@exam\u{ad}ple.com", "ann@\u{202e}a.example",
  ])
  func anythingElseIsRefused(_ text: String) {
    #expect(throws: AuthError.self) { try EmailAddress(text) }
  }

  @Test func lengthsAreLimited() throws {
    let domain = Array(repeating: String(repeating: "d", count: 63), count: 3)
      .joined(separator: ".")
    let longest = String(repeating: "a", count: 254 - 1 - domain.utf8.count - 2) + "@" + domain
    #expect(throws: Never.self) { try EmailAddress(longest + ".e") }
    #expect(throws: AuthError.self) { try EmailAddress(longest + ".ee") }
    #expect(throws: AuthError.self) {
      try EmailAddress(String(repeating: "a", count: 65) + "@example.com")
    }
  }

  @Test func caseMakesNoSecondAccount() throws {
    #expect(try EmailAddress("Ann@Example.com").key == EmailAddress("ann@example.COM").key)
  }

  @Test(arguments: [
    "ann@example.com ", " ann@example.com", "ann@example.com\n", "ann@example.com\r\n",
    "\tann@example.com\t \n",
  ])
  func blanksAndLineBreaksAroundItAreNoPartOfIt(_ text: String) throws {
    #expect(try EmailAddress(text).text == "ann@example.com")
  }

  /// The A-labels are those of RFC 5891 as Python's `idna` gives them.
  @Test(arguments: [
    ("müller.example", "xn--mller-kva.example"), ("MÜLLER.example", "xn--mller-kva.example"),
    ("mu\u{308}ller.example", "xn--mller-kva.example"),
    ("a.Bücher.example", "a.xn--bcher-kva.example"),
    ("例え.example", "xn--r8jz45g.example"), ("παράδειγμα.example", "xn--hxajbheg2az3al.example"),
    ("почта.рф", "xn--80a1acny.xn--p1ai"), ("straße.example", "xn--strae-oqa.example"),
    ("a-é.example", "xn--a--cja.example"),
  ])
  func anInternationalDomainIsKeptInASCII(_ row: (domain: String, ascii: String)) throws {
    #expect(try EmailAddress("Ann@" + row.domain).text == "Ann@" + row.ascii)
    #expect(try EmailAddress("ann@" + row.domain).key == EmailAddress("ann@" + row.ascii).key)
  }

  /// RFC 3492, 7.1.
  @Test(arguments: [
    ("ليهمابتكلموشعربي؟", "egbpdaj6bu4bxfgehfvwxn"), ("他们为什么不说中文", "ihqwcrb4cv8a8dqg056pqjye"),
    ("3年B組金八先生", "3B-ww4c5e180e575a65lsy2b"),
    ("Hello-Another-Way-それぞれの場所", "Hello-Another-Way--fc4qua05auwb3674vfr0b"),
    ("そのスピードで", "d9juau41awczczp"),
  ])
  func punycodeIsThatOfTheRFC(_ row: (text: String, code: String)) {
    #expect(Punycode.encode(row.text.unicodeScalars.map(\.value)) == row.code)
  }

  @Test func aLabelThatIsTooLongInASCIIIsRefused() {
    #expect(throws: AuthError.self) {
      try EmailAddress("ann@" + String(repeating: "ü", count: 60) + "žž.example")
    }
    #expect(throws: AuthError.self) {
      try EmailAddress("ann@" + String(repeating: "ü", count: 120) + ".example")
    }
  }

  @Test func lettersBeyondASCIIBeforeTheAtAreNamed() {
    #expect(throws: AuthError.invalid(.email, reason: "must have ASCII letters before the @")) {
      try EmailAddress("jürgen@example.org")
    }
  }
}
