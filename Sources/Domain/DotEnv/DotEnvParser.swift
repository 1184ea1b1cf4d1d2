import Cryptography

/// One pass over the bytes of a file. A line that cannot be read never swallows the ones after it.
struct DotEnvParser {
  private let bytes: UnsafeRawBufferPointer
  /// Where each line begins, and one past the end.
  private let lineStarts: [Int]
  private var entries: [DotEnvEntry] = []

  init(_ bytes: UnsafeRawBufferPointer) {
    let hasMark = bytes.starts(with: [0xef, 0xbb, 0xbf])
    let start = hasMark ? 3 : 0
    self.bytes = bytes
    var starts = [start]
    for index in start..<bytes.count where bytes[index] == UInt8(ascii: "\n") {
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
    guard var name = text else { return .failure(Failure(problem: .noAssignment)) }
    let keyword = "export"
    if name.hasPrefix(keyword), let next = name.dropFirst(keyword.count).first,
      next == " " || next == "\t"
    {
      name = String(name.dropFirst(keyword.count).drop { $0 == " " || $0 == "\t" })
    }
    guard let first = name.utf8.first, Self.isLetter(first),
      name.utf8.dropFirst().allSatisfy(Self.isNameByte)
    else { return .failure(Failure(problem: .invalidName)) }
    return .success(name)
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
    (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x5f
  }

  /// Hyphens and dots too: Docker and others allow them, and such a variable is not ours to judge.
  private static func isNameByte(_ byte: UInt8) -> Bool {
    isLetter(byte) || (0x30...0x39).contains(byte) || byte == 0x2d || byte == 0x2e
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
