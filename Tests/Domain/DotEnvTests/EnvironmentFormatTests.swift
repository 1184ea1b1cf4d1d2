import Cryptography
import Encodings
import Foundation
import LocalDeployment
import TestSupport
import Testing

@testable import DotEnv

/// What is written is read back, byte for byte, by programs that we did not write.
@Suite(.timeLimit(.minutes(3))) struct EnvironmentFormatTests {
  private static let valueCount = 10_000

  @Test(arguments: [
    (EnvironmentFormat.dotenv, "sk-aB3_/.:@%+,=", "A=sk-aB3_/.:@%+,=\n"),
    (.dotenv, "", "A=''\n"), (.dotenv, "a b#c", "A='a b#c'\n"),
    (.dotenv, "$X $(id) `id`", "A='$X $(id) `id`'\n"),
    (.dotenv, "it's", "A=\"it's\"\n"), (.dotenv, #"a\b"#, #"A='a\b'"# + "\n"),
    (.dotenv, #"a\\b"#, #"A="a\\\\b""# + "\n"), (.dotenv, "one\ntwo", #"A="one\ntwo""# + "\n"),
    (.docker, #" "it's" $X "#, #"A= "it's" $X "# + "\n"),
    (.shell, "it's $(id)\n", "export A='it'\\''s $(id)\n'\n"),
  ])
  func valuesAreWrittenAsReadersReadThem(
    _ format: EnvironmentFormat, _ value: String, _ line: String
  ) throws {
    #expect(String(decoding: try Self.line(format, "A", value), as: UTF8.self) == line)
  }

  @Test(arguments: [
    (EnvironmentFormat.docker, "one\ntwo", "line break"), (.docker, "one\r", "line break"),
    (.docker, String(repeating: "a", count: 64 << 10), "65536 bytes"),
    (.dotenv, "${HOME}", "expand"), (.dotenv, "it's $5", "the format sh"),
    (.dotenv, "it's `id`", "the format sh"), (.dotenv, "bell\u{7}", "control character"),
    (.shell, "nul\u{0}", "NUL"), (.dotenv, "nul\u{0}", "NUL"),
  ])
  func whatAFormatCannotSayIsRefusedWithTheReason(
    _ format: EnvironmentFormat, _ value: String, _ reason: String
  ) throws {
    let failure = #expect(throws: EnvironmentFormat.Failure.self) {
      try Self.line(format, "A", value)
    }
    #expect(failure?.description.contains(reason) == true)
  }

  @Test(arguments: ["", "1A", "A B", "A-B", "A=B", "Ä"])
  func aNameThatIsNoneIsRefused(_ name: String) {
    #expect(throws: EnvironmentFormat.Failure.self) { try Self.line(.shell, name, "x") }
  }

  // MARK: Ten thousand values

  @Test(arguments: ["sh", "bash"])
  func shellsReadBackWhatIsWrittenForThem(_ shell: String) async throws {
    try await Self.roundTrip(.shell) { written, read in
      let script = """
        . "$1"; i=0
        while [ $i -lt \(Self.valueCount) ]; do
          eval "printf '%s\\\\0' \\"\\$V$i\\""; i=$((i + 1))
        done >"$2"
        """
      return Command(
        path: "/usr/bin/env", arguments: [shell, "-c", script, shell, written, read],
        environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C"])
    }
  }

  @Test(arguments: [EnvironmentFormat.dotenv, .docker])
  func pythonDotenvAndDockerReadBackWhatIsWrittenForThem(
    _ format: EnvironmentFormat
  ) async throws {
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Python/read_environment.py").path
    let environment = ProcessInfo.processInfo.environment
    try await Self.roundTrip(format) { written, read in
      Command(
        path: environment[Python.environmentVariable] ?? "/usr/bin/python3",
        arguments: [script, format.rawValue, written, read], environment: environment)
    }
  }

  @Test func ourOwnReaderReadsThemToo() throws {
    let values = try Self.values(for: .dotenv)
    // A file that we read is of limited size.
    for start in stride(from: 0, to: values.count, by: 1_000) {
      let part = values[start..<min(start + 1_000, values.count)]
      let file = try part.flatMap { try Self.line(.dotenv, "V", $0) }
      let entries = try DotEnvFile(parsing: SecretBytes(copying: file)).entries
      #expect(entries.count == part.count)
      for (entry, value) in zip(entries, part) {
        guard case .variable(_, let read) = entry.content else {
          Issue.record("\(value.debugDescription): \(entry.content)")
          continue
        }
        let isSame = read.withUnsafeBytes { Array($0) } == Array(value.utf8)
        #expect(isSame, "\(value.debugDescription)")
      }
    }
  }

  private static func roundTrip(
    _ format: EnvironmentFormat, _ reader: (String, String) -> Command
  ) async throws {
    let values = try values(for: format)
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("chatelaine-format-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let (written, read) = (
      directory.appendingPathComponent("a"), directory.appendingPathComponent("b")
    )
    let file = try values.enumerated().flatMap { try line(format, "V\($0)", $1) }
    try Data(file).write(to: written)
    let output = Transcript()
    let process = try await ChildProcess.spawn(
      reader(written.path, read.path), onOutput: { output.append($0) })
    #expect(await process.exit(within: .seconds(60)) == .code(0), "\(output.text)")
    let found = Array(try Data(contentsOf: read)).split(
      separator: 0, omittingEmptySubsequences: false
    ).dropLast()
    #expect(found.count == values.count)
    for (bytes, value) in zip(found, values) where !bytes.elementsEqual(value.utf8) {
      let text = String(decoding: bytes, as: UTF8.self)
      Issue.record("\(value.debugDescription) came back as \(text.debugDescription)")
    }
  }

  /// Values that the format has a way to write; the others are refused, never written otherwise.
  private static func values(for format: EnvironmentFormat) throws -> [String] {
    var generator = SplitMix(state: 0x5EED)
    var values: [String] = []
    var refusals = 0
    while values.count < valueCount {
      let value = value(&generator)
      if (try? line(format, "V", value)) == nil { refusals += 1 } else { values.append(value) }
    }
    #expect(refusals < 2 * valueCount, "values of such letters can often be written")
    return values
  }

  private static let alphabets: [[Unicode.Scalar]] = [
    (0x21...0x7E).compactMap { Unicode.Scalar($0) },
    Array("'\"\\$`#&!*(){}[]<>|;~=% \tab01".unicodeScalars),
    Array("'\"\\$ \n\r\té漢😀\u{A0}\u{85}\u{2028}xyz".unicodeScalars),
  ]

  private static func value(_ generator: inout SplitMix) -> String {
    let alphabet = alphabets[Int.random(in: alphabets.indices, using: &generator)]
    let count = Int.random(in: 0...60, using: &generator)
    var text = String.UnicodeScalarView()
    for _ in 0..<count { text.append(alphabet.randomElement(using: &generator) ?? "x") }
    return String(text)
  }

  private static func line(
    _ format: EnvironmentFormat, _ name: String, _ value: String
  ) throws -> [UInt8] {
    try Array(value.utf8).withUnsafeBytes { (bytes) throws(EnvironmentFormat.Failure) in
      try format.line(name, bytes)
    }
  }
}

/// The same values each time, so that a failure can be looked at again (Steele and others, 2014).
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
