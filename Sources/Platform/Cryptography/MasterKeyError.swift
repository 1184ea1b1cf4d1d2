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
