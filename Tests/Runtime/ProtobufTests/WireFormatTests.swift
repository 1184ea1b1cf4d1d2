import Protobuf
import Testing

@Suite struct WireFormatTests {
  @Test func everyKindOfFieldSurvivesTheRoundTrip() throws {
    #expect(try KitchenSink(unpacking: KitchenSink.full.packed()) == .full)
  }

  @Test func randomMessagesSurviveTheRoundTrip() throws {
    var random = SeededGenerator(seed: 1)
    for _ in 0..<300 {
      let message = KitchenSink.random(using: &random)
      #expect(try KitchenSink(unpacking: message.packed()) == message)
    }
  }

  @Test func aMessageOfDefaultsHasNoBytes() throws {
    #expect(KitchenSink().packed().isEmpty)
    #expect(try KitchenSink(unpacking: [] as [UInt8]) == KitchenSink())
  }

  @Test func equalMessagesHaveEqualBytes() {
    var forwards = KitchenSink()
    var backwards = KitchenSink()
    for key in 0..<50 { forwards.stringMap["\(key)"] = "\(key)" }
    for key in (0..<50).reversed() { backwards.stringMap["\(key)"] = "\(key)" }
    #expect(forwards.packed() == backwards.packed())
  }

  @Test func presenceOfOptionalFieldsIsKept() throws {
    let absent = try KitchenSink(unpacking: KitchenSink(int32Value: 1).packed())
    #expect(absent.optionalInt32 == nil)
    #expect(absent.optionalString == nil)
    #expect(absent.optionalBytes == nil)
    let zero = KitchenSink(optionalInt32: 0, optionalString: "", optionalBytes: [])
    let present = try KitchenSink(unpacking: zero.packed())
    #expect(present.optionalInt32 == 0)
    #expect(present.optionalString == "")
    #expect(present.optionalBytes == [])
  }

  @Test func packingAppendsToWhatIsThere() {
    var buffer: [UInt8] = [1, 2, 3]
    KitchenSink(int32Value: 5).pack(into: &buffer)
    #expect(buffer == [1, 2, 3, 3 << 3, 5])
  }

  @Test func numbersArePackedAndReadEitherWay() throws {
    #expect(
      KitchenSink(repeatedInt32: [1, 2]).packed() == WireBuilder().field(31, [1, 2]).bytes)
    let unpacked = WireBuilder().varint(31, 1).varint(31, 2).field(31, [3]).bytes
    #expect(try KitchenSink(unpacking: unpacked).repeatedInt32 == [1, 2, 3])
    let packedAnyway = WireBuilder().field(32, [4, 5]).bytes
    #expect(try KitchenSink(unpacking: packedAnyway).repeatedInt64 == [4, 5])
  }

  @Test func theLastOfSeveralValuesWins() throws {
    let twice = WireBuilder().varint(3, 1).varint(3, 2).bytes
    #expect(try KitchenSink(unpacking: twice).int32Value == 2)
    let choices = WireBuilder().text(61, "first").varint(64, 1).bytes
    #expect(try KitchenSink(unpacking: choices).choice == .choiceFlag(true))
    let entry = WireBuilder().text(1, "k").bytes
    let map = WireBuilder().field(51, entry + WireBuilder().text(2, "old").bytes)
      .field(51, entry + WireBuilder().text(2, "new").bytes).bytes
    #expect(try KitchenSink(unpacking: map).stringMap == ["k": "new"])
  }

  @Test func aMessageThatComesTwiceIsMerged() throws {
    let bytes = WireBuilder().field(17, WireBuilder().text(1, "name").bytes)
      .field(17, WireBuilder().field(2, []).bytes).bytes
    #expect(
      try KitchenSink(unpacking: bytes).nested
        == KitchenSink.Nested(name: "name", children: [KitchenSink.Nested()]))
  }

  @Test func aMapEntryWithoutKeyOrValueHasTheirDefaults() throws {
    let bytes = WireBuilder().field(51, []).field(52, []).bytes
    let message = try KitchenSink(unpacking: bytes)
    #expect(message.stringMap == ["": ""])
    #expect(message.nestedMap == [0: KitchenSink.Nested()])
  }

  @Test func unknownFieldsAreSkipped() throws {
    let unknown = WireBuilder().varint(1000, 5).text(1001, "x").fixed64(1002, 1)
      .raw(WireBuilder.varint(1003 << 3 | 5) + [0, 0, 0, 0])
    let bytes = unknown.varint(3, 7).raw(unknown.bytes).bytes
    #expect(try KitchenSink(unpacking: bytes) == KitchenSink(int32Value: 7))
  }

  @Test func unknownEnumNumbersAreKept() throws {
    let message = try KitchenSink(unpacking: WireBuilder().varint(16, 77).bytes)
    #expect(message.colour == .unrecognized(77))
    #expect(message.packed() == WireBuilder().varint(16, 77).bytes)
  }

  @Test func anEmbeddedNULSurvives() throws {
    let message = try KitchenSink(unpacking: WireBuilder().text(14, "a\0b").bytes)
    #expect(message.stringValue == "a\0b")
    #expect(message.packed() == WireBuilder().text(14, "a\0b").bytes)
  }
}
