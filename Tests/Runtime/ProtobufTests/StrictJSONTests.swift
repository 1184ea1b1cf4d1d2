import Protobuf
import Testing

@Suite struct StrictJSONTests {
  @Test(arguments: [
    ("null", JSONValue.null), (" true ", .bool(true)), ("\t\r\nfalse", .bool(false)),
    ("0", .number("0")), ("-0", .number("-0")), ("1.5e+10", .number("1.5e+10")),
    ("\"\"", .string("")), (#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{C}\n\r\t")),
    (#""\u0000\u00e9\u20AC""#, .string("\0é€")), (#""\ud83d\udd11""#, .string("\u{1F511}")),
    ("\"\u{7F}\u{1F511}\"", .string("\u{7F}\u{1F511}")), ("[]", .array([])),
    ("[ 1 , null ]", .array([.number("1"), .null])), ("{}", .object([])),
    ("{ \"a\" : { } }", .object([JSONValue.Member(name: "a", value: .object([]))])),
  ])
  func jsonIsRead(_ text: String, _ value: JSONValue) throws {
    #expect(try JSONParser.parse(Array(text.utf8)) == value)
  }

  @Test(arguments: [
    "", " ", "nul", "nulls", "True", "NaN", "Infinity", "-Infinity", "undefined", "'a'", "a",
    "+1", "-", "01", "-01", "1.", ".5", "1e", "1e+", "0x10", "1_000", "1 2", "1,",
    "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "]", "{", "{\"a\"", "{\"a\":", "{\"a\":1",
    "{\"a\":1,}", "{,}", "{\"a\" 1}", "{a:1}", "{1:1}", "{\"a\":1 \"b\":2}", "{}{}", "{} x",
    "\"", "\"a", "\"\n\"", "\"\t\"", "\"\0\"", #""\x""#, #""\u12""#, #""\u12g4""#, #""\""#,
    #""\ud800""#, #""\ud800x""#, #""\ud800\n""#, #""\ud800\u0041""#, #""\ud800\ud800""#,
    #""\udc00""#, #""\udc00\ud800""#, "// comment\n1", "/* c */1", "\u{FEFF}{}", "\u{A0}1",
    "{\"a\":1,\"a\":2}", #"{"a":1,"\u0061":2}"#, "{\"a\":{\"b\":1,\"b\":1}}",
  ])
  func whatIsNotStrictJSONIsRefusedWithItsPlace(_ text: String) {
    let error = #expect(throws: MessageError.self) { try JSONParser.parse(Array(text.utf8)) }
    guard case .malformedJSON(_, let offset) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect((0...text.utf8.count).contains(offset))
  }

  @Test(
    arguments: [
      [0xFF], [0xC0, 0x80], [0xC3], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80],
    ] as [[UInt8]])
  func textThatIsNotUTF8IsRefused(_ bytes: [UInt8]) {
    let quote = UInt8(ascii: "\"")
    #expect(throws: MessageError.self) { try JSONParser.parse([quote] + bytes + [quote]) }
    #expect(throws: MessageError.self) { try JSONParser.parse(bytes + Array("{}".utf8)) }
  }

  @Test func theOffsetPointsAtTheFault() {
    #expect(throws: MessageError.malformedJSON(reason: "not the start of a value", byteOffset: 6)) {
      try JSONParser.parse(Array(#"{"a": x}"#.utf8))
    }
  }

  @Test func namesThatAreCanonicallyEqualCountAsTheSame() {
    // The same letter composed and decomposed: a dictionary could keep only one of them.
    #expect(throws: MessageError.self) {
      try JSONParser.parse(Array("{\"\u{E9}\":1,\"e\u{301}\":2}".utf8))
    }
  }

  @Test(arguments: [("[", "]"), (#"{"a":"#, "}")])
  func nestingIsBounded(_ open: String, _ close: String) throws {
    func text(levels: Int) -> [UInt8] {
      Array(
        (String(repeating: open, count: levels) + "1" + String(repeating: close, count: levels))
          .utf8)
    }
    _ = try JSONParser.parse(text(levels: MessageLimits.nestingDepthMax - 1))
    for levels in [MessageLimits.nestingDepthMax + 1, 100_000] {
      #expect(throws: MessageError.nestedTooDeep) { try JSONParser.parse(text(levels: levels)) }
    }
  }

  @Test func randomMutationNeverTraps() {
    var random = SeededGenerator(seed: 4)
    let original = KitchenSink.full.json()
    for _ in 0..<1000 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[index] = .random(in: 0...255, using: &random)
        case 1: bytes.remove(at: index)
        default: bytes.insert(.random(in: 0...127, using: &random), at: index)
        }
      }
      guard let message = try? KitchenSink(json: bytes) else { continue }
      #expect((try? KitchenSink(json: message.json())) == message)
    }
  }
}
