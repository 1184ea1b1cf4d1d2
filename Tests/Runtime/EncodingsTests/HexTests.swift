import Encodings
import Testing

@Suite struct HexTests {
  /// RFC 4648, 10.
  @Test func theVectorOfRFC4648() {
    #expect(Hex.encode("foobar".utf8) == "666f6f626172")
    #expect(Hex.decode("666F6F626172") == Array("foobar".utf8))
  }

  @Test func isWrittenInLowerCaseAndReadInEither() {
    #expect(Hex.encode([0x00, 0x7f, 0xab, 0xff]) == "007fabff")
    #expect(Hex.decode("007fABff") == [0x00, 0x7f, 0xab, 0xff])
    #expect(Hex.decode("007fABff", .lower) == nil)
    #expect(Hex.decode("007fabff", .lower) == [0x00, 0x7f, 0xab, 0xff])
    #expect(Hex.decode("") == [])
  }

  @Test(arguments: ["0", "000", "0g", "0x", " 0", "+1", "é", "0\u{301}", "a\u{301}a", "@0", "`0"])
  func oddLengthsAndForeignCharactersAreRefused(_ text: String) {
    #expect(Hex.decode(text) == nil)
  }

  @Test func everyByteIsADigitOrIsNone() {
    let digits = Array("0123456789abcdef".utf8)
    for byte in UInt8.min ... .max {
      let lower = byte.isASCIIUpper ? byte + 0x20 : byte
      #expect(Hex.value(of: byte).map(Int.init) == digits.firstIndex(of: lower), "\(byte)")
    }
  }

  @Test func numbersHaveLeadingZeros() {
    var text = [UInt8](repeating: 0, count: 16)
    text.withUnsafeMutableBytes { Hex.write(0xAB_CDEF, into: $0[0..<16]) }
    #expect(text == Array("0000000000abcdef".utf8))
    #expect(text.withUnsafeBytes { Hex.number($0[0..<16]) } == 0xAB_CDEF)
    #expect(Array("ffffffffffffffff".utf8).withUnsafeBytes { Hex.number($0[...]) } == .max)
  }

  @Test(arguments: ["00ffffffffffffffff", "AB", "0g", "-1"])
  func otherNumbersAreRefused(_ text: String) {
    #expect(Array(text.utf8).withUnsafeBytes { Hex.number($0[...]) } == nil)
  }
}
