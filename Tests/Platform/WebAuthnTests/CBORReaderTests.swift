import Encodings
import TestSupport
import Testing

@testable import WebAuthn

/// CBOR as authenticators write it, and nothing else.
@Suite struct CBORReaderTests {
  private func read(_ hex: String) throws(WebAuthnError) -> CBORValue {
    try CBORReader.read(Hex.decode(hex) ?? [])
  }

  /// From RFC 8949, appendix A.
  @Test(arguments: [
    ("00", CBORValue.unsigned(0)), ("17", .unsigned(23)), ("1818", .unsigned(24)),
    ("1903e8", .unsigned(1000)), ("1a000f4240", .unsigned(1_000_000)),
    ("1bffffffffffffffff", .unsigned(.max)), ("20", .negative(0)), ("3863", .negative(99)),
    ("3bffffffffffffffff", .negative(.max)), ("f4", .bool(false)), ("f5", .bool(true)),
    ("f6", .null), ("40", .bytes([])), ("4401020304", .bytes([1, 2, 3, 4])), ("60", .text("")),
    ("62c3bc", .text("\u{fc}")), ("80", .array([])),
    (
      "8301820203820405",
      .array([
        .unsigned(1), .array([.unsigned(2), .unsigned(3)]), .array([.unsigned(4), .unsigned(5)]),
      ])
    ), ("a0", .map([])),
    (
      "a201020304",
      .map([
        CBORPair(key: .unsigned(1), value: .unsigned(2)),
        CBORPair(key: .unsigned(3), value: .unsigned(4)),
      ])
    ),
  ])
  func whatTheSpecificationShowsIsRead(hex: String, value: CBORValue) throws {
    #expect(try read(hex) == value)
  }

  @Test(arguments: [
    // Not the shortest form.
    "1800", "1817", "190017", "1a0000ffff", "1b00000000ffffffff", "5800",
    // No definite length, tags, floating point, undefined and simple values.
    "5f42010243030405ff", "9fff", "bfff", "c074", "f90000", "fa47c35000", "f7", "f820", "ff",
    // Ends early, or says that it is longer than anything.
    "", "18", "19ff", "42ff", "62c3", "8201", "a1", "a101", "5bffffffffffffffff",
    "9bffffffffffffffff", "bb7fffffffffffffff", "9a7fffffff",
    // Not UTF-8; a key twice; something behind it.
    "61ff", "62c328", "a201000101", "0000",
  ])
  func whatAuthenticatorsNeverWriteIsRefused(hex: String) {
    #expect(throws: WebAuthnError.self) { try read(hex) }
  }

  @Test func nestingEndsSomewhere() throws {
    let depth = CBORReader.nestingDepthMax
    let fine = [UInt8](repeating: 0x81, count: depth - 1) + [0x00]
    #expect(throws: Never.self) { try CBORReader.read(fine) }
    #expect(throws: WebAuthnError.malformed("CBOR nested too deep")) {
      try CBORReader.read([0x81] + fine)
    }
    #expect(throws: WebAuthnError.self) {
      try CBORReader.read([UInt8](repeating: 0x81, count: 30_000))
    }
    // Keys of maps nest too.
    #expect(throws: WebAuthnError.self) {
      try CBORReader.read([UInt8](repeating: 0xA1, count: 30_000))
    }
  }

  @Test func noByteStringTrapsTheReader() {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    for length in 0..<4_000 {
      let bytes = (0..<(length % 64)).map { _ -> UInt8 in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 56)
      }
      _ = try? CBORReader.read(bytes)
      _ = try? AuthenticatorData(bytes + bytes)
    }
  }
}
