import Foundation

/// Published test vectors, from the Python package `cryptography-vectors`.
struct VectorFile {
  /// Fields of one vector by name, as written in the file.
  typealias Vector = [String: String]

  enum Failure: Error, CustomStringConvertible {
    case packageMissing(python: String, output: String)

    var description: String {
      switch self {
      case .packageMissing(let python, let output):
        "\(python) cannot import cryptography_vectors; install Tests/requirements.txt and set "
          + "CHATELAINE_TEST_PYTHON to that interpreter. It said: \(output)"
      }
    }
  }

  let vectors: [Vector]

  init(_ path: String) throws {
    let file = try Self.directory.get().appending(path: path)
    vectors = Self.parse(try String(contentsOf: file, encoding: .utf8))
  }

  /// Text of a file that is not a list of `name = value` lines.
  static func text(_ path: String) throws -> String {
    try String(contentsOf: directory.get().appending(path: path), encoding: .utf8)
  }

  private static let directory = Result { try locate() }

  private static func locate() throws -> URL {
    let python = ProcessInfo.processInfo.environment["CHATELAINE_TEST_PYTHON"] ?? "python3"
    let script = "import cryptography_vectors as v, os; print(os.path.dirname(v.__file__))"
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [python, "-c", script]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure.packageMissing(python: python, output: text)
    }
    return URL(filePath: text)
  }

  /// Reads `name = value` lines. A vector ends where a name comes up again; `[name = value]` lines
  /// hold for all vectors behind them; a bare word such as FAIL is a field without a value.
  private static func parse(_ text: String) -> [Vector] {
    var vectors: [Vector] = []
    var section: Vector = [:]
    var current: Vector = [:]
    func finish() {
      if !current.isEmpty { vectors.append(section.merging(current) { $1 }) }
      current = [:]
    }
    for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
      let isSection = line.hasPrefix("[")
      let parts = line.trimmingCharacters(in: CharacterSet(charactersIn: "[] \t"))
        .split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        .map { $0.trimmingCharacters(in: .whitespaces) }
      guard let name = parts.first, !name.isEmpty else { continue }
      let value = parts.count == 2 ? parts[1] : ""
      if isSection {
        finish()
        section[name] = value
      } else {
        if current[name] != nil { finish() }
        current[name] = value
      }
    }
    finish()
    return vectors
  }
}
