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
}
