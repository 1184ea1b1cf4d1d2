import Foundation
import Logging
import Synchronization
import Testing

@testable import ServiceRuntime

@Suite struct JSONLogHandlerTests {
  /// Collects lines.
  private final class Sink: Sendable {
    private let bytes = Mutex<[UInt8]>([])

    var lines: [String] {
      String(decoding: bytes.withLock { $0 }, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    func append(_ line: [UInt8]) { bytes.withLock { $0 += line } }
  }

  private let sink = Sink()

  private func logger(_ level: Logger.Level = .info) -> Logger {
    Logger(label: "vault") { [sink] in
      JSONLogHandler(label: $0, logLevel: level, write: { line, _ in sink.append(line) })
    }
  }

  private func objects() throws -> [[String: Any]] {
    try sink.lines.map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }

  @Test func aRecordIsOneObjectOnOneLine() throws {
    var logger = logger()
    logger[metadataKey: "process"] = "7"
    logger.info("ready", metadata: ["address": "127.0.0.1:1", "list": ["a", "b"]])
    let object = try #require(try objects().first)
    #expect(object["level"] as? String == "info")
    #expect(object["logger"] as? String == "vault")
    #expect(object["message"] as? String == "ready")
    let fields = try #require(object["fields"] as? [String: Any])
    #expect(fields["process"] as? String == "7")
    #expect(fields["address"] as? String == "127.0.0.1:1")
    #expect(fields["list"] as? [String] == ["a", "b"])
    let time = try #require(object["time"] as? String)
    #expect(throws: Never.self) {
      try Date(time, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
  }

  @Test(arguments: [
    (0, 0, "1970-01-01T00:00:00.000Z"), (951_782_399, 7, "2000-02-28T23:59:59.007Z"),
    (951_782_400, 42, "2000-02-29T00:00:00.042Z"), (951_782_400, 999, "2000-02-29T00:00:00.999Z"),
    (951_782_399, 500, "2000-02-28T23:59:59.500Z"),
  ])
  func theTimeIsToTheMillisecond(seconds: Int, milliseconds: Int, text: String) {
    #expect(LogTime.text(seconds: seconds, milliseconds: milliseconds) == text)
  }

  @Test func nothingFromOutsideCanForgeALine() throws {
    let hostile = "x\"}\n{\"level\":\"info\"}\r\u{1B}[2J\u{0}\u{85}\u{2028}\\é"
    logger().warning("\(hostile)", metadata: ["agent": "\(hostile)"])
    #expect(sink.lines.count == 1)
    #expect(!sink.lines[0].unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x85 })
    #expect(try objects().first?["message"] as? String == hostile)
  }

  @Test func longValuesAreCut() {
    logger().info("\(String(repeating: "é", count: 100_000))")
    #expect(sink.lines[0].utf8.count < JSONLogHandler.valueBytesMax + 300)
    #expect(sink.lines[0].hasSuffix("…\"}"))
  }

  @Test func quietLevelsAreLeftOut() {
    logger(.warning).info("nothing")
    #expect(sink.lines.isEmpty)
  }
}
