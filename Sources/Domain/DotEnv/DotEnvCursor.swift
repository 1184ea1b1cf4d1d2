/// A place in the file, with the end of its line.
struct DotEnvCursor {
  let bytes: UnsafeRawBufferPointer
  private(set) var offset: Int
  /// One past the line's last byte, its line break left out.
  let lineEnd: Int

  init(_ bytes: UnsafeRawBufferPointer, at start: Int, lineEnd: Int) {
    self.bytes = bytes
    offset = start
    var end = lineEnd
    if end > start, bytes[end - 1] == UInt8(ascii: "\n") { end -= 1 }
    if end > start, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
    self.lineEnd = end
  }

  /// Nil at the end of the line.
  var peek: UInt8? { offset < lineEnd ? bytes[offset] : nil }

  mutating func advance() { offset += 1 }

  mutating func skipBlanks() {
    while let byte = peek, Self.isBlank(byte) { advance() }
  }

  /// The text before the line's first `=`, without blanks at its end; nil when there is none.
  mutating func takeUntilEquals() -> String? {
    guard let equals = bytes[offset..<lineEnd].firstIndex(of: UInt8(ascii: "=")) else { return nil }
    var end = equals
    while end > offset, Self.isBlank(bytes[end - 1]) { end -= 1 }
    defer { offset = equals + 1 }
    return String(decoding: bytes[offset..<end], as: UTF8.self)
  }

  static func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
  }
}
