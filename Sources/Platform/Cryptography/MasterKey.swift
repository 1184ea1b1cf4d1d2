import Encodings

/// The operator's 32-byte root key, checked to be a random one as far as that can be seen.
package struct MasterKey: Sendable {
  package static let byteCount = 32
  private static let identifierLabel = Array("chatelaine kek id".utf8)
  /// 32 random bytes have about 30 different values; fewer than this happens once in 10^16.
  static let distinctBytesMin = 16
  private static let commonWords = [
    "", "changeme", "change-me", "secret", "password", "master", "masterkey", "master-key", "test",
    "key", "chatelaine", "admin", "default", "example",
  ]

  /// The key, for use as a key-encryption key or as input to HKDF.
  package let bytes: SecretBytes

  /// The first 8 bytes of HMAC-SHA-256(key, "chatelaine kek id") as hex: names the key beside what
  /// it has wrapped, and is safe to show.
  package let identifier: String

  /// Takes what the operator gave: 64 hexadecimal digits, or base64 (either alphabet, padding
  /// optional), with at most one line break behind. Throws the first thing that is wrong with it.
  package init(parsing text: SecretBytes?) throws(MasterKeyError) {
    guard let text else { throw .missing }
    let bytes = try text.withUnsafeBytes { (text) throws(MasterKeyError) in
      try MasterKeyText.decode(text)
    }
    try bytes.withUnsafeBytes { (bytes) throws(MasterKeyError) in try Self.judge(bytes) }
    self.init(bytes)
  }

  /// Takes what the operator gave as a string, for example from the environment.
  package init(parsing text: String?) throws(MasterKeyError) {
    try self.init(parsing: text.map { SecretBytes(utf8: $0) })
  }

  private init(_ bytes: SecretBytes) {
    self.bytes = bytes
    let code = HMACSHA256.authenticationCode(for: Self.identifierLabel, key: bytes)
    identifier = Hex.encode(code.prefix(8))
  }

  /// Creates a random key; throws `.randomnessUnavailable`.
  package static func generate() throws(CryptographyError) -> MasterKey {
    MasterKey(try SecretBytes.random(count: byteCount))
  }

  /// The key as padded base64 and a line break, ready for a file with mode 0600.
  package var encodedForFile: SecretBytes {
    let digitCount = Base64.encodedCount(ofBytes: Self.byteCount)
    return SecretBytes(count: digitCount + 2) { text in
      bytes.withUnsafeBytes {
        Base64.standard.encode(
          $0, into: UnsafeMutableRawBufferPointer(rebasing: text[..<digitCount]))
      }
      text[digitCount] = UInt8(ascii: "=")
      text[digitCount + 1] = UInt8(ascii: "\n")
    }
  }

  private static func judge(_ key: UnsafeRawBufferPointer) throws(MasterKeyError) {
    let steps = Set(zip(key, key.dropFirst()).map { $1 &- $0 })
    if steps == [0] { throw .repeatedByte }
    if steps.count == 1 { throw .sequential }
    for period in [2, 4, 8, 16] where zip(key, key.dropFirst(period)).allSatisfy({ $0 == $1 }) {
      throw .repeatedPattern(byteCount: period)
    }
    if key.allSatisfy({ (0x20...0x7e).contains($0) }) { throw .passphrase }
    let distinct = Set(key).count
    if distinct < distinctBytesMin { throw .tooFewDifferentBytes(count: distinct) }
    let isHash = commonWords.contains { word in
      SHA256Digest.hash(Array(word.utf8)).withUnsafeBytes { ConstantTime.equals(key, $0) }
    }
    if isHash { throw .hashOfCommonWord }
  }
}

extension MasterKey: CustomStringConvertible {
  package var description: String { "master key \(identifier)" }
}
