import Encodings
import Foundation
import Testing

@Suite struct JSONTextTests {
  @Test func textIsEscaped() {
    #expect(JSONText.string("a\"b\\c\n\u{1}\u{e9}") == #""a\"b\\c\n\u0001é""#)
    #expect(JSONText.string("\r\t\u{8}") == #""\r\t\u0008""#)
  }

  @Test func whatViewersObeyIsEscaped() {
    #expect(
      JSONText.string("</script>\u{7f}\u{85}\u{9b}\u{2028}\u{2029}")
        == #""\u003c/script\u003e\u007f\u0085\u009b\u2028\u2029""#)
  }

  @Test(arguments: ["\u{301}", "\u{600}", "\u{200D}", "\u{FE0F}"])
  func aMarkHidesNothingThatMustBeEscaped(_ mark: String) {
    for character in ["\"", "\\", "<", "\n"] {
      for text in [character + mark, mark + character] {
        let json = JSONText.string(text)
        #expect(!json.dropFirst().dropLast().unicodeScalars.contains("<"))
        #expect(json.utf8.filter { $0 == UInt8(ascii: "\n") }.isEmpty)
        let read = try? JSONDecoder().decode([String].self, from: Data("[\(json)]".utf8))
        #expect(read?.first?.unicodeScalars.elementsEqual(text.unicodeScalars) == true)
      }
    }
  }

  @Test func everyScalarSurvives() throws {
    let text = String(
      String.UnicodeScalarView((0...0x3000).compactMap(Unicode.Scalar.init) + ["\u{1F511}"]))
    let read = try JSONDecoder().decode(
      [String].self, from: Data("[\(JSONText.string(text))]".utf8))
    #expect(read.first?.unicodeScalars.elementsEqual(text.unicodeScalars) == true)
  }

  @Test func longTextIsCutBetweenCharacters() {
    var json: [UInt8] = []
    JSONText.append("ééé", to: &json, bytesMax: 3)
    #expect(String(decoding: json, as: UTF8.self) == "\"éé…\"")
  }

  @Test func anObjectKeepsItsOrder() {
    #expect(JSONText.object([("b", "1"), ("a\"", "[]")]) == #"{"b":1,"a\"":[]}"#)
    #expect(JSONText.object([]) == "{}")
  }
}
