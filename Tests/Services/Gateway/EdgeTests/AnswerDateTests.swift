import Testing

@testable import Edge

@Suite struct AnswerDateTests {
  /// RFC 9110's own example, the epoch, a leap day.
  @Test(arguments: [
    (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
    (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
  ])
  func aTimeIsWrittenAsHTTPWantsIt(_ second: Int, _ expected: String) {
    #expect(AnswerDate.text(of: second) == expected)
  }

  @Test func nowIsAsLongAsAnyTime() {
    #expect(AnswerDate().text.utf8.count == 29)
  }
}
