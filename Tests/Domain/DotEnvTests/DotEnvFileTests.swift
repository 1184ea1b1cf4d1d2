import Cryptography
import Testing

@testable import DotEnv

@Suite struct DotEnvFileTests {
  @Test(arguments: [
    ("A=1", "1"), ("A = spaced ", "spaced"), ("\tA=tab", "tab"), ("A=", ""), ("A=   ", ""),
    ("export A=1", "1"), ("export\tA=1", "1"), ("exported=1", "1"),
    ("A='single \"$X\" ${Y} \\n'", "single \"$X\" ${Y} \\n"),
    ("A=\"double 'x' \\\"y\\\" \\n\\t\\\\ \\$\"", "double 'x' \"y\" \n\t\\ $"),
    ("A=\"unknown \\d stays\"", "unknown \\d stays"),
    ("A=`back \"quoted\"`", "back \"quoted\""),
    ("A=\"\"", ""), ("A=''", ""),
    ("A=value # comment", "value"), ("A=va#lue", "va#lue"), ("A=#x", "#x"), ("A= # only", ""),
    ("A=\"x # y\" # comment", "x # y"), ("A='x'# comment", "x"),
    ("A=a=b==", "a=b=="), ("A=$X", "$X"), ("A=pa$$word", "pa$$word"), ("A=it's", "it's"),
    ("A=\"one\ntwo\"", "one\ntwo"), ("A='one\r\ntwo'\r\n", "one\ntwo"),
    ("A=\"joined\\\nlines\"", "joinedlines"),
    ("A=1\r\n", "1"), ("\u{feff}A=1", "1"), ("A=grün", "grün"), ("A.b-c=1", "1"),
    ("A=\"\\${X}\"", "${X}"),
  ])
  func valuesAreReadAsPeopleWriteThem(_ row: (text: String, value: String)) throws {
    let entries = try parse(row.text)
    #expect(entries.count == 1)
    #expect(entries.first?.value == row.value)
  }

  @Test(arguments: [
    ("NOT A VARIABLE", DotEnvProblem.noAssignment), ("export A", .noAssignment),
    ("1A=x", .invalidName), ("A B=x", .invalidName), ("=x", .invalidName), ("Ä=x", .invalidName),
    ("A=\"open", .unterminatedQuote), ("A='open", .unterminatedQuote),
    ("A=\"x\\\"", .unterminatedQuote),
    ("A=\"x\"y", .textAfterQuote), ("A='x' y", .textAfterQuote),
    ("A=${B}", .reference), ("A=\"pre${B}\"", .reference), ("A=$(cat key)", .reference),
    ("A=x\u{1}", .controlCharacter), ("A=x\u{0}y", .controlCharacter),
    ("A=x\ry", .controlCharacter),
    ("A='\u{1b}[0m'", .controlCharacter),
  ])
  func problemsAreNamed(_ row: (text: String, problem: DotEnvProblem)) throws {
    let entries = try parse(row.text)
    #expect(entries.count == 1)
    #expect(entries.first?.problem == row.problem)
  }

  @Test(arguments: [true, false])
  func utf16IsReadWithAndWithoutItsMark(_ isBigEndian: Bool) throws {
    for mark in ["\u{feff}", ""] {
      let text = mark + "KEY=sk-1\r\n# grün 🔑\r\nB='grün 🔑'\r\n"
      let entries = try parse(utf16: text, isBigEndian: isBigEndian)
      #expect(entries.map(\.name) == ["KEY", "B"])
      #expect(entries.map(\.value) == ["sk-1", "grün 🔑"])
      #expect(entries.map(\.lines) == [1...1, 3...3])
    }
  }

  @Test func damagedUTF16IsRefusedAsAWhole() throws {
    let odd = SecretBytes(copying: [0xff, 0xfe, 0x41, 0, 0x3d])
    let half = SecretBytes(copying: [0xff, 0xfe, 0x41, 0, 0x3d, 0, 0x3d, 0xd8])
    for bytes in [odd, half] {
      #expect(throws: DotEnvError.malformedUTF16) { try DotEnvFile(parsing: bytes) }
    }
  }

  @Test(arguments: [
    [0xff, 0xfe, 0, 0, 0x41, 0, 0, 0], [0, 0, 0xfe, 0xff, 0, 0, 0, 0x41],
    [0x41, 0, 0, 0, 0x3d, 0, 0, 0], [0, 0, 0, 0x41, 0, 0, 0, 0x3d],
  ])
  func utf32IsNamed(_ bytes: [UInt8]) {
    #expect(throws: DotEnvError.utf32) { try DotEnvFile(parsing: SecretBytes(copying: bytes)) }
    #expect("\(DotEnvError.utf32)" == "is UTF-32: save it as UTF-8")
  }

  @Test func aMarkWhereFilesWereJoinedIsNoPartOfTheName() throws {
    #expect(try parse("A=1\n\u{feff}B=2\n\u{feff}# C=3").map(\.name) == ["A", "B"])
  }

  @Test func commentsAndBlankLinesAreNotEntries() throws {
    #expect(try parse("").isEmpty)
    #expect(try parse("\n\r\n# A=1\n   # B=2\n \t \n").isEmpty)
  }

  @Test func linesAreCountedFromOneAndSpanQuotedValues() throws {
    let entries = try parse("# top\nA=1\n\nB=\"x\ny\nz\"\nC=2")
    #expect(entries.map(\.lines) == [2...2, 4...6, 7...7])
    #expect(entries.map(\.name) == ["A", "B", "C"])
  }

  @Test func anUnterminatedQuoteCostsItsOwnLineOnly() throws {
    let entries = try parse("A=\"open\nB=2\nC=\"three\"\nD='x\nE=5")
    #expect(entries.map(\.name) == ["A", "B", "C", "D", "E"])
    #expect(
      entries.map(\.problem) == [.unterminatedQuote, nil, nil, .unterminatedQuote, nil])
  }

  @Test func bytesThatAreNotUTF8CostTheirOwnLineOnly() throws {
    let bytes: [UInt8] = Array("A=1\nB=".utf8) + [0xff, 0xfe] + Array("\nC=3\n".utf8)
    let entries = try DotEnvFile(parsing: SecretBytes(copying: bytes)).entries
    #expect(entries.map(\.problem) == [nil, .notUTF8, nil])
  }

  @Test func limitsHold() throws {
    let long = String(repeating: "x", count: DotEnvFile.valueBytesMax)
    #expect(try parse("A=" + long).first?.value == long)
    #expect(try parse("A=" + long + "x").first?.problem == .valueTooLong)
    #expect(try parse("A='" + long + "x'").first?.problem == .valueTooLong)

    let lines = String(repeating: "A=1\n", count: DotEnvFile.linesMax)
    #expect(try parse(lines).count == DotEnvFile.linesMax)
    #expect(throws: DotEnvError.tooManyLines) { try parse(lines + "A=1") }
    let bytes = SecretBytes(copying: [UInt8](repeating: 0x23, count: DotEnvFile.bytesMax + 1))
    #expect(throws: DotEnvError.tooManyBytes) { try DotEnvFile(parsing: bytes) }
  }

  @Test func nothingOfAValueIsInADescription() throws {
    let entries = try parse("A=canary-value\nB=\"canary-open\nnot canary a line")
    #expect(!"\(entries)".contains("canary"))
  }

  @Test func anyBytesEndInEntriesNotInATrap() throws {
    var generator = SystemRandomNumberGenerator()
    let alphabet = Array("A='\"`\\\n\r #$x{".utf8) + [0, 0xff, 0xc3]
    for _ in 0..<2_000 {
      let count = Int.random(in: 0...60, using: &generator)
      let bytes = (0..<count).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
      guard let file = try? DotEnvFile(parsing: SecretBytes(copying: bytes)) else { continue }
      let entries = file.entries
      for (entry, next) in zip(entries, entries.dropFirst()) {
        #expect(entry.lines.upperBound < next.lines.lowerBound)
      }
    }
  }

  private func parse(utf16 text: String, isBigEndian: Bool) throws -> [DotEnvEntry] {
    let bytes = text.utf16.flatMap { unit in
      let bytes = [UInt8(unit >> 8), UInt8(unit & 0xff)]
      return isBigEndian ? bytes : bytes.reversed()
    }
    return try DotEnvFile(parsing: SecretBytes(copying: bytes)).entries
  }

  private func parse(_ text: String) throws -> [DotEnvEntry] {
    try DotEnvFile(parsing: SecretBytes(utf8: text)).entries
  }
}

extension DotEnvEntry {
  fileprivate var name: String? {
    switch content {
    case .variable(let name, _): name
    case .malformed(let name, _): name
    }
  }

  fileprivate var value: String? {
    guard case .variable(_, let value) = content else { return nil }
    return value.withUTF8String { $0 }
  }

  fileprivate var problem: DotEnvProblem? {
    guard case .malformed(_, let problem) = content else { return nil }
    return problem
  }
}
