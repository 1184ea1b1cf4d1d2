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

/// Why a master key was refused; says what is wrong with the text and never repeats any of it.
package enum MasterKeyError: Error, Equatable {
  /// Nothing, or an empty text.
  case missing
  /// A space, tab or line break at the given character offset.
  case whitespace(offset: Int)
  /// A placeholder from documentation instead of a key.
  case placeholder
  /// Meant as hexadecimal, with a foreign character at the given offset.
  case invalidHex(offset: Int)
  /// Not hexadecimal, and not base64 because of the character at the given offset.
  case invalidBase64(offset: Int)
  /// `+/` and `-_` in one text, so neither of the two base64 alphabets.
  case mixedBase64Alphabets
  /// Base64 digits, but impossible in number or padding, or with stray bits at the end.
  case malformedBase64(characterCount: Int)
  /// Well encoded, but another number of bytes than 32.
  case wrongLength(byteCount: Int, encoding: Encoding)
  /// 32 times the same byte.
  case repeatedByte
  /// A short pattern of bytes, repeated.
  case repeatedPattern(byteCount: Int)
  /// Bytes that count up or down, as in examples.
  case sequential
  /// Fewer different bytes than 32 random ones ever have.
  case tooFewDifferentBytes(count: Int)
  /// The bytes are printable text, so they were typed rather than drawn at random.
  case passphrase
  /// The SHA-256 of a well-known word.
  case hashOfCommonWord

  package enum Encoding: String, Sendable {
    case hexadecimal, base64
  }
}

extension MasterKeyError: CustomStringConvertible {
  package var description: String {
    let remedy = "; generate one with: openssl rand -base64 32"
    return switch self {
    case .missing: "the master key is missing" + remedy
    case .whitespace(let offset): "the master key contains white space at character \(offset + 1)"
    case .placeholder: "the master key is a placeholder text, not a key" + remedy
    case .invalidHex(let offset):
      "the master key looks like hexadecimal, but character \(offset + 1) is no hexadecimal digit"
    case .invalidBase64(let offset):
      "the master key is neither hexadecimal nor base64: character \(offset + 1) belongs to neither"
    case .mixedBase64Alphabets:
      "the master key is not valid base64: it mixes the standard and the URL alphabet"
    case .malformedBase64(let count):
      "the master key is not valid base64: \(count) characters with wrong padding or a damaged end"
    case .wrongLength(let count, let encoding):
      "the master key has \(count) bytes (read as \(encoding.rawValue)) instead of 32" + remedy
    case .repeatedByte: "the master key is one byte repeated" + remedy
    case .repeatedPattern(let count):
      "the master key is a pattern of \(count) bytes repeated" + remedy
    case .sequential: "the master key is a sequence of consecutive bytes" + remedy
    case .tooFewDifferentBytes(let count):
      "the master key has only \(count) different bytes, so it is not random" + remedy
    case .passphrase: "the master key decodes to readable text, so it is not random" + remedy
    case .hashOfCommonWord: "the master key is the SHA-256 of a well-known word" + remedy
    }
  }
}
