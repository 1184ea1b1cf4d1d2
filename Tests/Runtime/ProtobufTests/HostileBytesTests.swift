import Protobuf
import Testing

@Suite struct HostileBytesTests {
  @Test func truncationAtAnyByteNeverTraps() {
    let bytes = KitchenSink.full.packed()
    for count in 0..<bytes.count {
      guard let message = try? KitchenSink(unpacking: Array(bytes[..<count])) else { continue }
      // A cut between two fields leaves a smaller message, never a different one.
      #expect(message.packed().count <= count)
    }
  }

  @Test func randomMutationNeverTraps() {
    var random = SeededGenerator(seed: 2)
    let original = KitchenSink.full.packed()
    for _ in 0..<4000 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[index] = .random(in: 0...255, using: &random)
        case 1: bytes.remove(at: index)
        default: bytes.insert(.random(in: 0...255, using: &random), at: index)
        }
      }
      guard let message = try? KitchenSink(unpacking: bytes) else { continue }
      _ = message.json()
      #expect((try? KitchenSink(unpacking: message.packed())) != nil)
    }
  }

  @Test func randomBytesNeverTrap() {
    var random = SeededGenerator(seed: 3)
    for _ in 0..<4000 {
      let count = Int.random(in: 0...64, using: &random)
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      _ = try? KitchenSink(unpacking: bytes)
    }
  }

  @Test(arguments: [
    [0x18],  // a tag without a value
    [0x18, 0x80],  // an unfinished varint
    [0x18] + [UInt8](repeating: 0x80, count: 10) + [0],  // a varint of eleven bytes
    [0x72, 5, 0x61],  // a length past the end
    [0x72, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F],  // a length of 4 GiB
    [0x72, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],  // a length of 2^64 - 1
    [0x0F, 0],  // wire type 7
    [0x1B, 0x1C],  // a group
    [0x00, 0x00],  // field number 0
    [0x1A, 0x01, 0x05],  // a number sent as text
    [0x70, 0x01],  // a text sent as number
  ])
  func malformedBytesAreRefused(_ bytes: [UInt8]) {
    #expect(throws: MessageError.malformed(message: "chatelaine.test.v1.KitchenSink")) {
      try KitchenSink(unpacking: bytes)
    }
  }

  @Test func textThatIsNotUTF8IsRefusedAndTheFieldNamed() {
    for bytes: [UInt8] in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80]] {
      #expect(throws: MessageError.invalidUTF8(field: "stringValue")) {
        try KitchenSink(unpacking: WireBuilder().field(14, bytes).bytes)
      }
      #expect(throws: MessageError.invalidUTF8(field: "repeatedString")) {
        try KitchenSink(unpacking: WireBuilder().field(35, bytes).bytes)
      }
      #expect(throws: MessageError.invalidUTF8(field: "choiceText")) {
        try KitchenSink(unpacking: WireBuilder().field(61, bytes).bytes)
      }
    }
  }

  @Test func nestingUpToTheLimitIsRead() throws {
    // The message itself is the first level.
    let deep = Self.nested(levels: MessageLimits.nestingDepthMax - 1)
    #expect(try KitchenSink(unpacking: deep).nested != nil)
  }

  @Test(arguments: [MessageLimits.nestingDepthMax, 500, 20_000])
  func deeperNestingIsRefused(_ levels: Int) {
    #expect(throws: MessageError.nestedTooDeep) {
      try KitchenSink(unpacking: Self.nested(levels: levels))
    }
  }

  @Test func deeperNestingInsideAStructIsRefused() {
    var value: [UInt8] = WireBuilder().varint(4, 1).bytes
    for _ in 0..<200 {
      value = WireBuilder().field(6, WireBuilder().field(1, value).bytes).bytes
    }
    let entry = WireBuilder().text(1, "k").field(2, value).bytes
    #expect(throws: MessageError.nestedTooDeep) {
      try Struct(unpacking: WireBuilder().field(1, entry).bytes)
    }
  }

  @Test func nestingInAnUnknownFieldIsOnlyBytes() throws {
    let bytes = WireBuilder().field(999, Self.nested(levels: 500)).bytes
    #expect(try KitchenSink(unpacking: bytes) == KitchenSink())
  }

  @Test func fewBytesCannotTakeMuchMemory() {
    // Two bytes each on the wire, a struct of some 40 bytes and a pointer each in memory.
    let bytes = (0..<500_000).flatMap { _ in [0xB2 as UInt8, 0x02, 0] }
    #expect(throws: MessageError.self) { try KitchenSink(unpacking: bytes) }
  }

  @Test func aLongListOfShortTextsIsNotTakenForAnAttack() throws {
    let message = KitchenSink(repeatedString: [String](repeating: "ab", count: 100_000))
    #expect(try KitchenSink(unpacking: message.packed()) == message)
  }

  /// Field 17, and in it field 2 again and again.
  private static func nested(levels: Int) -> [UInt8] {
    var reversed: [UInt8] = []
    var count = 0
    for level in 0..<levels {
      let tag: UInt8 = level == levels - 1 ? 0x8A : 0x12
      let header = (tag == 0x8A ? [0x8A, 0x01] : [tag]) + WireBuilder.varint(UInt64(count))
      reversed += header.reversed()
      count += header.count
    }
    return reversed.reversed()
  }
}
