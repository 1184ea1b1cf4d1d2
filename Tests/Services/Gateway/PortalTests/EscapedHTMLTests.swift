import Testing

@testable import Portal

@Suite struct EscapedHTMLTests {
  /// Characters that join with what stands before or behind them: a prepended sign, an accent, an
  /// enclosing circle, a joiner.
  private static let joining = ["\u{600}", "\u{301}", "\u{20DD}", "\u{200D}"]
  private static let hidden: [String] = joining.flatMap { mark in
    ["<", ">", "\"", "'", "&"].flatMap { ["\(mark)\($0)", "\($0)\(mark)", "\(mark)\($0)\(mark)"] }
  }

  @Test(arguments: hidden)
  func aCharacterIsEscapedWhateverItIsJoinedWith(text: String) {
    let entities: [Unicode.Scalar: String] = [
      "<": "&lt;", ">": "&gt;", "\"": "&quot;", "'": "&#39;", "&": "&amp;",
    ]
    let expected = text.unicodeScalars.map { entities[$0] ?? String($0) }.joined()
    #expect(EscapedHTML.escape(text).utf8.elementsEqual(expected.utf8))
  }

  @Test func otherTextIsLeftAsItIs() {
    let text = "Zürich \u{1F469}\u{200D}\u{1F680} a\u{301}"
    #expect(EscapedHTML.escape(text) == text)
    #expect(
      EscapedHTML.escape("<a href=\"x\">'&'</a>")
        == "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;")
  }
}
