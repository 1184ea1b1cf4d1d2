import Foundation
import Testing

@testable import Mail

@Suite struct MailMessageTests {
  private func message(
    name: String = "", subject: String = "Hello", text: String = "text", html: String = "<p>html"
  ) throws -> MailMessage {
    MailMessage(
      from: try #require(MailAddress("portal@example.com", name: "Chatelaine")),
      to: try #require(MailAddress("ann@example.com", name: name)), subject: subject, text: text,
      html: html, time: Date(timeIntervalSince1970: 1_700_000_000))
  }

  private func head(_ message: MailMessage) -> [String] {
    let text = String(decoding: message.encoded, as: UTF8.self)
    return text.components(separatedBy: "\r\n\r\n")[0].components(separatedBy: "\r\n")
  }

  @Test(arguments: [
    "a@b\r\nBcc: c@d", "a b@c", "a@b@c", "<a@b>", "a@", "@b", "a\u{7f}@b", "ü@b", "a,b@c", "",
  ])
  func whatCouldEndACommandIsNoAddress(_ text: String) {
    #expect(MailAddress(text) == nil)
  }

  @Test func aNameIsOneLine() {
    #expect(MailAddress("a@example.com", name: "Ann\r\nBcc: eve@example.com") == nil)
    #expect(MailAddress("a@example.com", name: "Ann\u{2028}") == nil)
    #expect(MailAddress(header: "Keys <keys@example.com>")?.name == "Keys")
    #expect(MailAddress(header: "keys@example.com")?.address == "keys@example.com")
    #expect(MailAddress(header: "Keys <keys@example.com") == nil)
  }

  @Test func noHeaderIsAddedByWhatIsInASubject() throws {
    let plain = head(try message())
    let evil = head(
      try message(
        name: "Ann, \"boss\" <eve@example.com>", subject: "Hi\r\nBcc: eve@example.com\r\n\r\nBody"))
    let names = { (lines: [String]) in
      lines.filter { !$0.hasPrefix(" ") }.map { $0.prefix { $0 != ":" } }
    }
    #expect(names(evil) == names(plain))
    #expect(!evil.contains { $0.contains("eve@example.com") })
  }

  @Test func headersAreWhatTheStandardWants() throws {
    let lines = head(try message())
    #expect(lines[0] == "Date: Tue, 14 Nov 2023 22:13:20 +0000")
    #expect(lines[1] == "From: =?utf-8?B?Q2hhdGVsYWluZQ==?= <portal@example.com>")
    #expect(lines[2] == "To: ann@example.com")
    #expect(lines[3] == "Subject: =?utf-8?B?SGVsbG8=?=")
  }

  @Test func longTextIsCutBetweenCharactersAndReadsBackWhole() {
    let text = String(repeating: "ä€🔑", count: 40)
    let words = HeaderText.encodedWords(text)
    #expect(words.components(separatedBy: "\r\n ").allSatisfy { $0.utf8.count <= 75 })
    #expect(HeaderText.decodedWords(words.replacingOccurrences(of: "\r\n", with: "")) == text)
  }

  @Test(arguments: [
    "one\ntwo", "trailing blank \nnext", ".\n..\n", "a=b", "Grüße 🔑", "\ttab\t\n",
    String(repeating: "x", count: 300), String(repeating: "ß", count: 100), "end ", "",
  ])
  func quotedPrintableReadsBackAndFitsItsLines(_ text: String) {
    let encoded = QuotedPrintable.encode(text)
    #expect(QuotedPrintable.decode(encoded) == text)
    for line in encoded.components(separatedBy: "\r\n") {
      #expect(line.utf8.count <= 76)
      #expect(!line.hasSuffix(" ") && !line.hasPrefix("."))
      #expect(line.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
    }
  }
}
