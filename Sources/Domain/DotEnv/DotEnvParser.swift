import Cryptography
import Encodings

/// One pass over the bytes of a file. A line that cannot be read never swallows the ones after it.
struct DotEnvParser {
  private let bytes: UnsafeRawBufferPointer
  /// Where each line begins, and one past the end.
  private let lineStarts: [Int]
  private var entries: [DotEnvEntry] = []

  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
    var starts = [0]
    for index in 0..<bytes.count where bytes[index] == UInt8(ascii: "\n") {
      starts.append(index + 1)
    }
    if starts.last != bytes.count { starts.append(bytes.count) }
    lineStarts = starts
  }

  var lineCount: Int { lineStarts.count - 1 }

  mutating func parse() -> [DotEnvEntry] {
    var line = 0
    while line < lineCount { line = parseLine(line) }
    return entries
  }

  /// Reads what begins on `line` and returns the line to go on with.
  private mutating func parseLine(_ line: Int) -> Int {
    var cursor = DotEnvCursor(bytes, at: lineStarts[line], lineEnd: lineStarts[line + 1])
    cursor.skipMark()
    cursor.skipBlanks()
    guard let first = cursor.peek, first != UInt8(ascii: "#") else { return line + 1 }

    guard Self.isUTF8(bytes[lineStarts[line]..<lineStarts[line + 1]]) else {
      return fail(.notUTF8, name: nil, at: line)
    }
    let name: String
    switch readName(&cursor) {
    case .success(let read): name = read
    case .failure(let failure): return fail(failure.problem, name: nil, at: line)
    }
    cursor.skipBlanks()
    switch DotEnvValue.read(&cursor, fileEnd: bytes.count) {
    case .failure(let failure): return fail(failure.problem, name: name, at: line)
    case .success(let value):
      let last = lastLine(of: value.end, from: line)
      guard Self.isUTF8(bytes[lineStarts[line]..<lineStarts[last + 1]]) else {
        return fail(.notUTF8, name: name, at: line)
      }
      entries.append(
        DotEnvEntry(
          lines: (line + 1)...(last + 1), content: .variable(name: name, value: value.secret)))
      return last + 1
    }
  }

  private struct Failure: Error {
    let problem: DotEnvProblem
  }

  /// Reads `[export] NAME =` up to and with the equals sign.
  private func readName(_ cursor: inout DotEnvCursor) -> Result<String, Failure> {
    let text = cursor.takeUntilEquals()
    guard let text else { return .failure(Failure(problem: .noAssignment)) }
    var name = text.utf8[...]
    let keyword = "export".utf8
    if name.starts(with: keyword),
      name.dropFirst(keyword.count).first.map(DotEnvCursor.isBlank) == true
    {
      name = name.dropFirst(keyword.count).drop(while: DotEnvCursor.isBlank)
    }
    guard let first = name.first, Self.isLetter(first), name.allSatisfy(Self.isNameByte) else {
      return .failure(Failure(problem: .invalidName))
    }
    return .success(String(Substring(name)))
  }

  private mutating func fail(_ problem: DotEnvProblem, name: String?, at line: Int) -> Int {
    entries.append(
      DotEnvEntry(
        lines: (line + 1)...(line + 1), content: .malformed(name: name, problem: problem)))
    return line + 1
  }

  /// The line that holds the byte before `offset`.
  private func lastLine(of offset: Int, from line: Int) -> Int {
    var last = line
    while last + 1 < lineCount, lineStarts[last + 1] < offset { last += 1 }
    return last
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    byte.isASCIILetter || byte == UInt8(ascii: "_")
  }

  /// Hyphens and dots too: Docker and others allow them, and such a variable is not ours to judge.
  private static func isNameByte(_ byte: UInt8) -> Bool {
    isLetter(byte) || byte.isASCIIDigit || "-.".utf8.contains(byte)
  }

  private static func isUTF8(_ bytes: Slice<UnsafeRawBufferPointer>) -> Bool {
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    while true {
      switch decoder.decode(&iterator) {
      case .scalarValue: continue
      case .emptyInput: return true
      case .error: return false
      }
    }
  }
}

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

  /// A byte order mark stands at the beginning of a file, and where another one was appended.
  mutating func skipMark() {
    let mark: [UInt8] = [0xef, 0xbb, 0xbf]
    if bytes[offset..<lineEnd].starts(with: mark) { offset += mark.count }
  }

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
