import Protobuf

typealias KitchenSink = TestAPI.KitchenSink

extension TestAPI.KitchenSink {
  /// Every field set to something else than its default.
  static var full: KitchenSink {
    KitchenSink(
      doubleValue: 1.5, floatValue: -2.25, int32Value: .min, int64Value: .max, uint32Value: .max,
      uint64Value: .max, sint32Value: -7, sint64Value: .min, fixed32Value: 8, fixed64Value: 9,
      sfixed32Value: -10, sfixed64Value: -11, boolValue: true, stringValue: "Grüße\0\u{1F511}",
      bytesValue: [0, 1, 254, 255], colour: .green,
      nested: Nested(name: "a", children: [Nested(name: "b"), Nested()]), optionalInt32: 0,
      optionalString: "", optionalBool: false, optionalBytes: [], optionalColour: .unspecified,
      optionalDouble: 0, repeatedInt32: [1, -1, 0], repeatedInt64: [.min, .max],
      repeatedDouble: [0.1, -0.0], repeatedBool: [true, false], repeatedString: ["", "x\0y"],
      repeatedBytes: [[], [0]], repeatedColour: [.red, .negative, .unrecognized(99)],
      repeatedNested: [Nested(name: "c")], repeatedSint64: [-1, 1], repeatedFixed32: [7],
      stringMap: ["k": "v", "": "empty"], nestedMap: [-5: Nested(name: "d")],
      bytesMap: [.max: [1, 2, 3]], colourMap: ["sky": .unrecognized(42)],
      choice: .choiceNested(Nested(name: "e")), time: Timestamp(seconds: 1_700_000_000, nanos: 5),
      span: ProtoDuration(seconds: -3, nanos: -500_000_000), nothing: Empty(),
      mask: FieldMask(paths: ["create_time", "nested.name"]),
      anything: Struct(fields: [
        "null": .null, "list": .list([.number(1), .string("s"), .bool(false)]),
        "object": .struct(Struct(fields: ["deep": .number(-0.5)])),
      ]), times: [Timestamp(), Timestamp(seconds: -1, nanos: 999_999_999)])
  }

  /// Random content with a liking for the edges; each field is left out half of the time.
  static func random(using random: inout SeededGenerator) -> KitchenSink {
    var sink = KitchenSink()
    sink.setRandomScalars(using: &random)
    sink.setRandomCollections(using: &random)
    let choices: [Choice?] = [
      nil, .choiceText(randomText(using: &random)), .choiceNumber(randomInteger(using: &random)),
      .choiceNested(randomNested(using: &random)), .choiceFlag(Bool.random(using: &random)),
      .choiceColour(randomColour(using: &random)),
    ]
    sink.choice = choices[Int.random(in: 0..<choices.count, using: &random)]
    return sink
  }

  private mutating func setRandomScalars(using random: inout SeededGenerator) {
    if Bool.random(using: &random) { doubleValue = Self.randomDouble(using: &random) }
    // Never -0: protobuf-c takes it for the default and leaves it out.
    if Bool.random(using: &random) {
      floatValue = Float(Int.random(in: -99...99, using: &random)) / 8
    }
    if Bool.random(using: &random) { int32Value = Self.randomInteger(using: &random) }
    if Bool.random(using: &random) { int64Value = Self.randomInteger(using: &random) }
    if Bool.random(using: &random) { uint32Value = Self.randomInteger(using: &random) }
    if Bool.random(using: &random) { uint64Value = Self.randomInteger(using: &random) }
    if Bool.random(using: &random) { sint32Value = Self.randomInteger(using: &random) }
    if Bool.random(using: &random) { sint64Value = Self.randomInteger(using: &random) }
    if Bool.random(using: &random) { fixed64Value = Self.randomInteger(using: &random) }
    if Bool.random(using: &random) { sfixed32Value = Self.randomInteger(using: &random) }
    boolValue = Bool.random(using: &random)
    stringValue = Self.randomText(using: &random)
    bytesValue = Self.randomBytes(using: &random)
    colour = Self.randomColour(using: &random)
    if Bool.random(using: &random) { nested = Self.randomNested(using: &random) }
    if Bool.random(using: &random) { optionalInt32 = Self.randomInteger(using: &random) }
    if Bool.random(using: &random) { optionalString = Self.randomText(using: &random) }
    if Bool.random(using: &random) { optionalBytes = Self.randomBytes(using: &random) }
    if Bool.random(using: &random) { optionalColour = Self.randomColour(using: &random) }
    if Bool.random(using: &random) { optionalDouble = Self.randomDouble(using: &random) }
    if Bool.random(using: &random) { time = Self.randomTime(using: &random) }
    if Bool.random(using: &random) { span = Self.randomSpan(using: &random) }
    if Bool.random(using: &random) { nothing = Empty() }
    if Bool.random(using: &random) { mask = FieldMask(paths: ["name", "create_time.nanos"]) }
  }

  private mutating func setRandomCollections(using random: inout SeededGenerator) {
    for _ in 0..<Int.random(in: 0...3, using: &random) {
      repeatedInt32.append(Self.randomInteger(using: &random))
      repeatedInt64.append(Self.randomInteger(using: &random))
      repeatedDouble.append(Self.randomDouble(using: &random))
      repeatedBool.append(Bool.random(using: &random))
      repeatedString.append(Self.randomText(using: &random))
      repeatedBytes.append(Self.randomBytes(using: &random))
      repeatedColour.append(Self.randomColour(using: &random))
      repeatedNested.append(Self.randomNested(using: &random))
      stringMap[Self.randomText(using: &random)] = Self.randomText(using: &random)
      nestedMap[Self.randomInteger(using: &random)] = Self.randomNested(using: &random)
      bytesMap[Self.randomInteger(using: &random)] = Self.randomBytes(using: &random)
      colourMap[Self.randomText(using: &random)] = Self.randomColour(using: &random)
      times.append(Self.randomTime(using: &random))
    }
    guard Bool.random(using: &random) else { return }
    anything = Struct(fields: [
      Self.randomText(using: &random): .list([
        .null, .number(Self.randomDouble(using: &random)), .bool(true),
      ]),
      "object": .struct(Struct(fields: ["text": .string(Self.randomText(using: &random))])),
    ])
  }

  private static func randomInteger<Integer: FixedWidthInteger>(
    using random: inout SeededGenerator
  ) -> Integer {
    let edges: [Integer] = [.min, .max, 0, 1]
    if Int.random(in: 0..<3, using: &random) == 0 {
      return edges[Int.random(in: 0..<edges.count, using: &random)]
    }
    return Integer.random(in: .min ... .max, using: &random)
  }

  private static func randomDouble(using random: inout SeededGenerator) -> Double {
    let edges = [0.1, 1, -1e-300, 1e22, 123_456_789.125, .pi]
    return edges[Int.random(in: 0..<edges.count, using: &random)]
      * Double(Int.random(in: 1...9, using: &random))
  }

  private static func randomText(using random: inout SeededGenerator) -> String {
    let alphabet: [Unicode.Scalar] = [
      "a", "Z", "0", " ", "\0", "\n", "\"", "\\", "/", "<", "\u{7F}", "\u{80}", "ß", "€",
      "\u{2028}", "\u{FFFD}", "\u{1F511}", "\u{10FFFF}",
    ]
    var text = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 0...6, using: &random) {
      text.append(alphabet[Int.random(in: 0..<alphabet.count, using: &random)])
    }
    return String(text)
  }

  private static func randomBytes(using random: inout SeededGenerator) -> [UInt8] {
    (0..<Int.random(in: 0...9, using: &random)).map { _ in .random(in: 0...255, using: &random) }
  }

  private static func randomColour(using random: inout SeededGenerator) -> Colour {
    Colour(rawValue: [0, 1, 5, -3, 17, .max, .min][Int.random(in: 0..<7, using: &random)])
  }

  private static func randomNested(using random: inout SeededGenerator) -> Nested {
    Nested(
      name: randomText(using: &random),
      children: (0..<Int.random(in: 0...2, using: &random)).map { Nested(name: "\($0)") })
  }

  private static func randomTime(using random: inout SeededGenerator) -> Timestamp {
    Timestamp(
      seconds: .random(in: -62_135_596_800...253_402_300_799, using: &random),
      nanos: randomNanos(using: &random))
  }

  private static func randomSpan(using random: inout SeededGenerator) -> ProtoDuration {
    let seconds = Int64.random(in: -315_575_999_999...315_575_999_999, using: &random)
    let nanos = randomNanos(using: &random)
    return ProtoDuration(seconds: seconds, nanos: seconds < 0 ? -nanos : nanos)
  }

  private static func randomNanos(using random: inout SeededGenerator) -> Int32 {
    [0, 1, 1000, 500_000_000, 999_999_999][Int.random(in: 0..<5, using: &random)]
  }
}
