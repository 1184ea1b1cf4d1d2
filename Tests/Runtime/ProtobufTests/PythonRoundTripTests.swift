import Foundation
import LocalDeployment
import Protobuf
import TestSupport
import Testing

/// The reference implementation reads what we write, and the other way round.
@Suite struct PythonRoundTripTests {
  private static let messageCount = 300
  private static let script = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Python/round_trip.py").path()

  @Test func pythonAndSwiftMeanTheSameMessages() async throws {
    let directory = FileManager.default.temporaryDirectory
      .appending(path: "round-trip-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }

    try await python(["generate", directory.path(), "\(Self.messageCount)", "7"])
    let theirs = try Records.read(directory.appending(path: "python.records"))
    try #require(theirs.count == 2 * Self.messageCount)
    try Records.write(echo(theirs), to: directory.appending(path: "swift-echo.records"))

    var random = SeededGenerator(seed: 8)
    let ours = (0..<Self.messageCount).map { _ in KitchenSink.random(using: &random) }
    try Records.write(
      ours.flatMap { [$0.packed(), $0.json()] }, to: directory.appending(path: "swift.records"))

    try await python(["verify", directory.path()])
    let answers = try Records.read(directory.appending(path: "python-echo.records"))
    try #require(answers.count == 2 * Self.messageCount)
    for (index, message) in ours.enumerated() {
      #expect(try KitchenSink(unpacking: answers[2 * index]) == message)
      #expect(try KitchenSink(json: answers[2 * index + 1]) == message)
    }
  }

  /// Reads each of Python's messages from both of its forms and writes it in both.
  private func echo(_ records: [[UInt8]]) throws -> [[UInt8]] {
    var answers: [[UInt8]] = []
    for index in stride(from: 0, to: records.count, by: 2) {
      let packed = try KitchenSink(unpacking: records[index])
      let json = try KitchenSink(json: records[index + 1])
      #expect(packed == json, "message \(index / 2)")
      answers += [packed.packed(), json.json()]
    }
    return answers
  }

  private func python(_ arguments: [String]) async throws {
    let (exit, output) = try await Python.run(Self.script, arguments)
    try #require(exit == .code(0), "\(output)")
  }
}

/// Byte strings in a file, each after its length as 4 little-endian bytes.
private enum Records {
  static func read(_ file: URL) throws -> [[UInt8]] {
    var rest = [UInt8](try Data(contentsOf: file))[...]
    var records: [[UInt8]] = []
    while rest.count >= 4 {
      let length = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
      rest = rest.dropFirst(4)
      try #require(length <= rest.count)
      records.append(Array(rest.prefix(length)))
      rest = rest.dropFirst(length)
    }
    return records
  }

  static func write(_ records: [[UInt8]], to file: URL) throws {
    var bytes: [UInt8] = []
    for record in records {
      bytes += withUnsafeBytes(of: UInt32(record.count).littleEndian, Array.init) + record
    }
    try Data(bytes).write(to: file)
  }
}
