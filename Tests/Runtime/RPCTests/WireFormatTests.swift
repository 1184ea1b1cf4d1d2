import NIOCore
import RPC
import Testing

@Suite struct WireFormatTests {
  @Test(arguments: [
    ("1n", Duration.nanoseconds(1)), ("20u", .microseconds(20)), ("300m", .milliseconds(300)),
    ("4S", .seconds(4)), ("5M", .seconds(300)), ("6H", .seconds(21_600)),
    ("99999999H", .seconds(359_999_996_400)), ("0S", .zero),
  ])
  func timeoutsComeInSixUnits(_ text: String, _ timeout: Duration) {
    #expect(TimeoutField.decode(Array(text.utf8)) == timeout)
  }

  @Test(arguments: ["", "S", "-1S", "1", "1s", "123456789S", "1.5S", " 1S"])
  func otherTimeoutsAreRefused(_ text: String) {
    #expect(TimeoutField.decode(Array(text.utf8)) == nil)
  }

  @Test(arguments: [
    (Duration.nanoseconds(99_999_999), "99999999n"), (.nanoseconds(100_000_001), "100001u"),
    (.seconds(10), "10000000u"), (.seconds(100_000_000), "1666667M"), (.zero, "0n"),
    (.seconds(Int64.max), "2562048H"), (.seconds(-1), "0n"),
  ])
  func timeoutsAreWrittenInTheFinestUnitThatFitsRoundedUp(_ timeout: Duration, _ text: String) {
    #expect(String(decoding: TimeoutField.encode(timeout), as: UTF8.self) == text)
  }

  @Test func anEnvelopeIsReadFromAnyPieces() throws {
    var bytes = ByteBuffer()
    for text in ["first", "", "third"] {
      var sealed = Envelope.seal(ByteBuffer(string: text))
      bytes.writeBuffer(&sealed)
    }
    for size in 1...bytes.readableBytes {
      var reader = EnvelopeReader(messageBytesMax: 5)
      var messages: [String] = []
      var rest = bytes
      while rest.readableBytes > 0 {
        guard let piece = rest.readSlice(length: min(size, rest.readableBytes)) else { break }
        reader.append(piece)
        while let message = try reader.next() { messages.append(String(buffer: message.bytes)) }
      }
      #expect(messages == ["first", "", "third"])
      #expect(reader.bufferedBytes == 0)
    }
  }

  @Test func sealingUsesTheRoomInFrontOfAMessage() {
    var packed = Envelope.messageBuffer()
    packed.writeString("hello")
    let start = packed.withUnsafeReadableBytes { $0.baseAddress }
    let sealed = Envelope.seal(consume packed)
    #expect(sealed == Envelope.seal(ByteBuffer(string: "hello")))
    #expect(sealed.withUnsafeReadableBytes { $0.baseAddress } == start.map { $0 - 5 })
  }

  @Test func sealingASliceLeavesItsSourceAlone() {
    let source = ByteBuffer(string: "0123456789")
    guard let slice = source.getSlice(at: 6, length: 4) else { return }
    #expect(Envelope.seal(slice).readableBytes == 9)
    #expect(String(buffer: source) == "0123456789")
  }

  @Test func aMessageOverTheLimitIsRefusedByItsPrefix() {
    var reader = EnvelopeReader(messageBytesMax: 10)
    reader.append(ByteBuffer(bytes: [0, 0, 0, 0, 11]))
    let error = #expect(throws: RPCError.self) { try reader.next() }
    #expect(error?.code == .resourceExhausted)
  }

  @Test(arguments: [
    (401, RPCError.Code.unauthenticated), (403, .permissionDenied), (404, .unimplemented),
    (429, .unavailable), (502, .unavailable), (503, .unavailable), (504, .unavailable),
    (400, .internal), (500, .unknown), (302, .unknown),
  ])
  func httpStatusesStandForCodes(_ status: Int, _ code: RPCError.Code) {
    #expect(RPCError(httpStatus: status).code == code)
  }

  @Test func anUnknownStatusIsUnknownAndZeroIsNone() {
    func decode(_ text: String) -> RPCError? {
      Array(text.utf8).withUnsafeBytes { RPCError.decode(status: $0, message: "", details: nil) }
    }
    #expect(decode("0") == nil)
    for text in ["17", "99999", "x", "", "-1"] { #expect(decode(text)?.code == .unknown) }
    #expect(decode("16")?.code == .unauthenticated)
  }

  @Test func brokenDetailsLeaveTheStatus() {
    #expect(StatusDetails.decode([0xFF, 0xFF, 0xFF]).isEmpty)
    #expect(StatusDetails.decode([]).isEmpty)
  }
}
