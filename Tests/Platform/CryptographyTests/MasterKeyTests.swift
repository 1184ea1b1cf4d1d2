import Cryptography
import Encodings
import Testing

@Suite struct MasterKeyTests {
  private static let hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a17"
  private static let bytes = Hex.decode(hex) ?? []
  private static let base64 = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwChc="

  @Test(arguments: [
    hex, hex.uppercased(), base64, String(base64.dropLast()), hex + "\n", base64 + "\r\n",
    "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwChc", "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwChc=",
  ])
  func everySpellingOfAKeyIsRead(_ text: String) throws {
    let key = try MasterKey(parsing: text)
    #expect(key.bytes.exposed == Self.bytes)
    #expect(try MasterKey(parsing: SecretBytes(utf8: text)).identifier == key.identifier)
  }

  @Test func theIdentifierIsTheStartOfAnHMACAndAllThatADescriptionShows() throws {
    let key = try MasterKey(parsing: Self.hex)
    let code = HMACSHA256.authenticationCode(
      for: Array("chatelaine kek id".utf8), key: SecretBytes(copying: Self.bytes))
    #expect(key.identifier == Hex.encode(code.prefix(8)))
    #expect("\(key)" == "master key \(key.identifier)")
    var dumped = ""
    dump(key, to: &dumped)
    #expect(!dumped.contains(Self.hex.prefix(16)))
  }

  @Test func aGeneratedKeyPassesItsOwnChecksInTheFormOfItsFile() throws {
    for _ in 0..<200 {
      let key = try MasterKey.generate()
      #expect(key.encodedForFile.count == 45)
      let again = try MasterKey(parsing: key.encodedForFile)
      #expect(again.bytes.constantTimeEquals(key.bytes))
      #expect(again.identifier == key.identifier)
    }
  }

  private static let refusals: [(String?, MasterKeyError)] = [
    (nil, .missing), ("", .missing), ("\n", .missing), ("\r\n", .missing),
    (" " + hex, .whitespace(offset: 0)), (hex + " ", .whitespace(offset: 64)),
    (hex + "\n\n", .whitespace(offset: 64)), ("   ", .whitespace(offset: 0)),
    (String(hex.prefix(32)) + "\t" + hex.suffix(32), .whitespace(offset: 32)),
    (String(hex.dropLast()), .wrongLength(byteCount: 31, encoding: .hexadecimal)),
    (String(hex.prefix(32)), .wrongLength(byteCount: 16, encoding: .hexadecimal)),
    (hex + hex, .wrongLength(byteCount: 64, encoding: .hexadecimal)),
    (String(hex.dropLast()) + "g", .invalidHex(offset: 63)),
    ("x" + hex.dropFirst(), .invalidHex(offset: 0)),
    ("n4bQgYhMfWWaL+qgxVrQFQ==", .wrongLength(byteCount: 16, encoding: .base64)),
    (base64.dropLast() + "AAAA", .wrongLength(byteCount: 35, encoding: .base64)),
    ("n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCh", .wrongLength(byteCount: 31, encoding: .base64)),
    ("n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCh?=", .invalidBase64(offset: 42)),
    ("n4bQ=gYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwChc", .invalidBase64(offset: 4)),
    ("n4bQgYhMfWWaL+qgxVrQFaO_TxsrC4Is0V1sFbDwChc=", .mixedBase64Alphabets),
    (base64 + "=", .malformedBase64(characterCount: 45)),
    (base64 + "===", .malformedBase64(characterCount: 47)),
    ("n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwChd=", .malformedBase64(characterCount: 44)),
    ("====", .malformedBase64(characterCount: 4)),
    ("schlüssel", .invalidBase64(offset: 4)),
    ("change-me", .placeholder), ("CHANGE_ME_PLEASE", .placeholder), ("changeme", .placeholder),
    ("your-master-key-here", .placeholder), ("<generate with openssl>", .whitespace(offset: 9)),
    ("example-key!", .placeholder), ("password", .placeholder),
    (String(repeating: "00", count: 32), .repeatedByte),
    (String(repeating: "ff", count: 32), .repeatedByte),
    ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", .repeatedByte),
    (String(repeating: "deadbeef", count: 8), .repeatedPattern(byteCount: 4)),
    (String(repeating: "0123456789abcdef", count: 4), .repeatedPattern(byteCount: 8)),
    (Hex.encode(0..<32), .sequential), (Hex.encode((0..<32).reversed()), .sequential),
    (Hex.encode(1...32), .sequential),
    (Hex.encode(stride(from: 0, to: 64, by: 2).map { $0 }), .sequential),
    ("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", .repeatedPattern(byteCount: 16)),
    (Hex.encode(Array("my very secret passphrase number".utf8)), .passphrase),
    (Hex.encode((0..<32).map { UInt8($0 % 3 * $0 % 11) }), .tooFewDifferentBytes(count: 11)),
    (Hex.encode(SHA256Digest.hash([])), .hashOfCommonWord),
    (Hex.encode(SHA256Digest.hash(Array("password".utf8))), .hashOfCommonWord),
  ]

  @Test(arguments: refusals)
  func anUnfitKeyIsRefusedForTheRightReason(_ text: String?, _ expected: MasterKeyError) {
    #expect(throws: expected) { try MasterKey(parsing: text) }
  }

  @Test func noRefusalRepeatsAnyOfTheKey() throws {
    for (text, _) in Self.refusals {
      guard let text, text.utf8.count >= 6 else { continue }
      do throws(MasterKeyError) {
        _ = try MasterKey(parsing: text)
      } catch {
        // Every stretch of 6 characters of what was given, against everything that can be printed.
        let printed = "\(error)" + String(reflecting: error)
        let characters = Array(text)
        for start in 0...(characters.count - 6) {
          let part = String(characters[start..<(start + 6)])
          let isOurOwnWord = "base64 openssl generate master-key passphrase".contains(part)
          #expect(isOurOwnWord || !printed.contains(part))
        }
      }
    }
  }

  @Test func aMissingOrShortKeySaysWhatToDo() {
    #expect("\(MasterKeyError.missing)".contains("openssl rand -base64 32"))
    let short = MasterKeyError.wrongLength(byteCount: 16, encoding: .base64)
    #expect("\(short)".contains("16 bytes (read as base64) instead of 32"))
  }

  @Test func noBytesMakeTheParserTrap() throws {
    for round in 0..<3000 {
      let text = try SecretBytes.random(count: round % 90)
      _ = try? MasterKey(parsing: text)
    }
  }
}
