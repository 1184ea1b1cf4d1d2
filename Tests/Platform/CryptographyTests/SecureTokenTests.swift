import Cryptography
import Testing

@Suite struct SecureTokenTests {
  @Test func aTokenIsReadBackFromItsText() throws {
    let token = try SecureToken.generate(prefix: "chat_")
    let text = token.text.withUTF8String { $0 }
    #expect(text.hasPrefix("chat_"))
    #expect(text.utf8.count == 5 + 43)

    let read = try #require(SecureToken(text, prefix: "chat_"))
    #expect(read.text.constantTimeEquals(token.text))
    #expect(read.storageHash == token.storageHash)
    #expect(read.storageHash == SHA256Digest.hash(Array(text.utf8)))
    #expect(read.hint == String(text.prefix(11)))
  }

  @Test func tokensNeverRepeat() throws {
    var seen: Set<[UInt8]> = []
    for _ in 0..<2000 { seen.insert(try SecureToken.generate(prefix: "").storageHash) }
    #expect(seen.count == 2000)
  }

  @Test func aDescriptionShowsThePrefixOnly() throws {
    let token = try SecureToken.generate(prefix: "chat_")
    let digits = token.text.withUTF8String { String($0.dropFirst(5).prefix(8)) }
    var dumped = ""
    dump(token, to: &dumped)
    #expect("\(token)" == "chat_<redacted>")
    #expect(!dumped.contains(digits))
    #expect(!String(reflecting: token).contains(digits))
  }

  @Test func textOfAnotherShapeIsNoToken() throws {
    let text = try SecureToken.generate(prefix: "chat_").text.withUTF8String { $0 }
    let digits = String(text.dropFirst(5))
    let allButLast = String(digits.dropLast())
    let others: [String] = [
      "", "chat_", digits, String(text.dropLast()), "\(text)A", " \(text)", "\(text)\n",
      "CHAT_\(digits)", "chat-\(digits)", "chat_\(allButLast)=", "chat_\(allButLast)+",
      "chat_\(allButLast)\u{0}", "chat_\(digits.dropLast(2))é",
      // 43 digits hold 258 bits; the two that are left over must be zero.
      "chat_\(allButLast)B",
      String(repeating: text, count: 1000),
    ]
    for other in others {
      #expect(SecureToken(other, prefix: "chat_") == nil)
      #expect(SecureToken(SecretBytes(utf8: other), prefix: "chat_") == nil)
    }
    #expect(SecureToken(text, prefix: "sess_") == nil)
  }

  @Test func noBytesMakeTheParserTrap() throws {
    for round in 0..<5000 {
      let bytes = try SecureRandom.bytes(round % 70)
      _ = SecureToken(String(decoding: bytes, as: UTF8.self), prefix: "chat_")
      _ = SecureToken(SecretBytes(copying: bytes), prefix: "")
      let rightLength = try Array("chat_".utf8) + SecureRandom.bytes(43)
      _ = SecureToken(SecretBytes(copying: rightLength), prefix: "chat_")
    }
  }

  @Test(arguments: [
    ("curl/8.0 (x; y)", "curl/8.0 (x; y)"), ("", ""),
    ("snake_case " + digits, "snake_case " + digits),
    ("sdk/chat_" + digits, "sdk/chat_…"), ("a chs_" + digits + " b", "a chs_… b"),
    ("my-chat_" + digits + "-x;", "my-chat_…;"),
    ("chat_" + digits.dropLast(), "chat_" + digits.dropLast()),
  ])
  func tokensAreMaskedInTexts(text: String, masked: String) {
    #expect(SecureToken.masked(in: text) == masked)
  }

  private static let digits = String(repeating: "A", count: 43)
}
