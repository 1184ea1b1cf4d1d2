import Cryptography
import Encodings

/// The value of an assignment, read straight into memory that is wiped.
struct DotEnvValue {
  struct Failure: Error {
    let problem: DotEnvProblem
  }

  let secret: SecretBytes
  /// One past the last byte that belongs to the value, its closing quote included.
  let end: Int

  /// Reads from behind the equals sign and the blanks after it.
  static func read(
    _ cursor: inout DotEnvCursor, fileEnd: Int
  ) -> Result<DotEnvValue, Failure> {
    do throws(Failure) {
      switch cursor.peek {
      case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"):
        return .success(try readQuoted(cursor, fileEnd: fileEnd))
      default:
        return .success(try readPlain(cursor))
      }
    } catch {
      return .failure(error)
    }
  }

  private static func readPlain(_ cursor: DotEnvCursor) throws(Failure) -> DotEnvValue {
    let bytes = cursor.bytes
    var end = cursor.offset
    while end < cursor.lineEnd {
      // A hash begins a comment only after a blank: keys and URLs may contain one.
      if bytes[end] == UInt8(ascii: "#"), DotEnvCursor.isBlank(bytes[end - 1]) { break }
      end += 1
    }
    while end > cursor.offset, DotEnvCursor.isBlank(bytes[end - 1]) { end -= 1 }
    let value = UnsafeRawBufferPointer(rebasing: bytes[cursor.offset..<end])
    guard value.count <= DotEnvFile.valueBytesMax else { throw Failure(problem: .valueTooLong) }
    for index in value.indices {
      try refuseControl(value[index])
      if value[index] == UInt8(ascii: "$") { try refuseReference(value, at: index) }
    }
    return DotEnvValue(secret: SecretBytes(copying: value), end: end)
  }

  private static func readQuoted(
    _ start: DotEnvCursor, fileEnd: Int
  ) throws(Failure) -> DotEnvValue {
    let bytes = start.bytes
    let quote = bytes[start.offset]
    let isLiteral = quote != UInt8(ascii: "\"")
    let open = start.offset + 1
    guard let close = closingQuote(quote, in: bytes, from: open, fileEnd: fileEnd) else {
      throw Failure(problem: .unterminatedQuote)
    }
    guard isFollowedByCommentOnly(bytes, from: close + 1, fileEnd: fileEnd) else {
      // Over several lines, the quote that closes this one is more likely to open another.
      throw Failure(problem: close > start.lineEnd ? .unterminatedQuote : .textAfterQuote)
    }
    let raw = UnsafeRawBufferPointer(rebasing: bytes[open..<close])
    guard raw.count <= DotEnvFile.valueBytesMax else { throw Failure(problem: .valueTooLong) }
    let secret = try SecretBytes(capacity: raw.count) { (buffer) throws(Failure) in
      try unescape(raw, isLiteral: isLiteral, into: buffer)
    }
    return DotEnvValue(secret: secret, end: close + 1)
  }

  private static func closingQuote(
    _ quote: UInt8, in bytes: UnsafeRawBufferPointer, from open: Int, fileEnd: Int
  ) -> Int? {
    var index = open
    // Every escape is two bytes, so no longer value could be kept anyway.
    let end = min(fileEnd, open + 2 * DotEnvFile.valueBytesMax)
    while index < end {
      if bytes[index] == quote { return index }
      let isEscape = quote == UInt8(ascii: "\"") && bytes[index] == UInt8(ascii: "\\")
      index += isEscape ? 2 : 1
    }
    return nil
  }

  private static func isFollowedByCommentOnly(
    _ bytes: UnsafeRawBufferPointer, from start: Int, fileEnd: Int
  ) -> Bool {
    let rest = bytes[start..<fileEnd].prefix { $0 != UInt8(ascii: "\n") }
    let text = rest.drop { DotEnvCursor.isBlank($0) || $0 == UInt8(ascii: "\r") }
    return text.first == nil || text.first == UInt8(ascii: "#")
  }

  /// Writes the unescaped value and returns its length; line breaks come out as LF.
  private static func unescape(
    _ raw: UnsafeRawBufferPointer, isLiteral: Bool, into buffer: UnsafeMutableRawBufferPointer
  ) throws(Failure) -> Int {
    var count = 0
    var index = 0
    while index < raw.count {
      let byte = raw[index]
      index += 1
      let next = index < raw.count ? raw[index] : nil
      if byte == UInt8(ascii: "\r"), next == UInt8(ascii: "\n") { continue }
      if !isLiteral, byte == UInt8(ascii: "\\"), let next {
        if let escaped = escapes[next] {
          buffer[count] = escaped
          count += 1
          index += 1
          continue
        }
        // As in a shell, an escaped line break joins the lines.
        if next == UInt8(ascii: "\n") {
          index += 1
          continue
        }
      }
      if !isLiteral, byte == UInt8(ascii: "$") { try refuseReference(raw, at: index - 1) }
      if byte != UInt8(ascii: "\n") { try refuseControl(byte) }
      buffer[count] = byte
      count += 1
    }
    return count
  }

  private static let escapes: [UInt8: UInt8] = [
    UInt8(ascii: "n"): 0x0a, UInt8(ascii: "r"): 0x0d, UInt8(ascii: "t"): 0x09,
    UInt8(ascii: "\""): UInt8(ascii: "\""), UInt8(ascii: "\\"): UInt8(ascii: "\\"),
    UInt8(ascii: "$"): UInt8(ascii: "$"), UInt8(ascii: "`"): UInt8(ascii: "`"),
  ]

  private static func refuseControl(_ byte: UInt8) throws(Failure) {
    guard !byte.isASCIIControl || byte == UInt8(ascii: "\t") else {
      throw Failure(problem: .controlCharacter)
    }
  }

  private static func refuseReference(
    _ value: UnsafeRawBufferPointer, at dollar: Int
  ) throws(Failure) {
    let next = dollar + 1 < value.count ? value[dollar + 1] : 0
    guard next != UInt8(ascii: "{"), next != UInt8(ascii: "(") else {
      throw Failure(problem: .reference)
    }
  }
}
