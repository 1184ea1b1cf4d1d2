import Cryptography

/// How the text of a file is encoded, told by its first bytes.
///
/// Notepad and PowerShell (`echo NAME=value > .env`) write UTF-16 with a byte order mark; some
/// tools leave the mark out, which shows by the zeros beside the first letters of a name.
enum DotEnvEncoding: Equatable {
  case utf8
  case utf16(isBigEndian: Bool)
  case utf32

  init(of bytes: UnsafeRawBufferPointer) {
    let head = Array(bytes.prefix(4))
    // UTF-32's mark begins as that of UTF-16 does.
    if head == [0xff, 0xfe, 0, 0] || head == [0, 0, 0xfe, 0xff] {
      self = .utf32
    } else if head.starts(with: [0xff, 0xfe]) {
      self = .utf16(isBigEndian: false)
    } else if head.starts(with: [0xfe, 0xff]) {
      self = .utf16(isBigEndian: true)
    } else {
      switch head.map({ $0 == 0 }) {
      case [false, true, false, true]: self = .utf16(isBigEndian: false)
      case [true, false, true, false]: self = .utf16(isBigEndian: true)
      case [false, true, true, true], [true, true, true, false]: self = .utf32
      default: self = .utf8
      }
    }
  }

  /// The file's text in UTF-8, its mark included.
  static func utf8(of file: SecretBytes) throws(DotEnvError) -> SecretBytes {
    switch file.withUnsafeBytes(DotEnvEncoding.init(of:)) {
    case .utf8: return file
    case .utf32: throw .utf32
    case .utf16(let isBigEndian):
      guard file.count.isMultiple(of: 2) else { throw .malformedUTF16 }
      // Two bytes of UTF-16 are three of UTF-8 at most.
      return try SecretBytes(capacity: file.count / 2 * 3) { (text) throws(DotEnvError) in
        try file.withUnsafeBytes { (bytes) throws(DotEnvError) in
          try decode(bytes, isBigEndian: isBigEndian, into: text)
        }
      }
    }
  }

  private static func decode(
    _ bytes: UnsafeRawBufferPointer, isBigEndian: Bool, into text: UnsafeMutableRawBufferPointer
  ) throws(DotEnvError) -> Int {
    var units = stride(from: 0, to: bytes.count, by: 2).lazy.map { index in
      let (first, second) = (UInt16(bytes[index]), UInt16(bytes[index + 1]))
      return isBigEndian ? first << 8 | second : second << 8 | first
    }.makeIterator()
    var decoder = UTF16()
    var count = 0
    while true {
      switch decoder.decode(&units) {
      case .scalarValue(let scalar):
        for byte in String(scalar).utf8 {
          text[count] = byte
          count += 1
        }
      case .emptyInput: return count
      case .error: throw .malformedUTF16
      }
    }
  }
}
