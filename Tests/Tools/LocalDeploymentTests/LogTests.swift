import Foundation
import Testing

@testable import LocalDeployment

@Suite struct LogTests {
  @Test func aFullLogMakesRoomAndKeepsOnePredecessor() throws {
    let scratch = try ScratchDirectory()
    let log = try LogFile(path: scratch / "a.log", bytesMax: 10)
    for text in ["first-6", "second", "third"] { log.append([UInt8](text.utf8)) }
    #expect(try SecretFile.read(scratch / "a.log") == [UInt8]("third".utf8))
    #expect(try SecretFile.read(scratch / "a.log.1") == [UInt8]("second".utf8))
    #expect(try ScratchDirectory.mode(scratch / "a.log") == 0o600)
  }

  @Test(arguments: [
    ("2026-01-01T00:00:00+0000 error vault : it broke", LogWatch.Severity.error),
    ("2026-01-01T00:00:00+0000 warning vault: it limps", .warning),
    ("2026-01-01T00:00:00+0000 info vault : no error here", .other),
    (#"{"time":"2026-01-01T00:00:00Z","level":"error","message":"x"}"#, .error),
    (#"{"level":"info","message":"an error of the client"}"#, .other),
    ("Main.swift:3: Fatal error: Index out of range", .error),
    ("", .other),
  ])
  func severityIsReadFromALine(_ row: (line: String, severity: LogWatch.Severity)) {
    #expect(LogWatch.severity(of: row.line) == row.severity)
  }

  @Test func manyErrorsMakeOneMessageAnInterval() {
    let messages = Messages()
    let watch = LogWatch(service: "vault", path: "/logs/vault.log") { messages.add($0) }
    let line = [UInt8]("t error vault : x\n".utf8)
    let start = ContinuousClock.now
    watch.observe(line, at: start)
    watch.observe(line + line, at: start + .seconds(1))
    #expect(messages.lines == ["vault: 1 error; see /logs/vault.log"])
    watch.observe(line, at: start + LogWatch.interval)
    #expect(messages.lines.last == "vault: 3 errors; see /logs/vault.log")
    watch.finish()
    #expect(messages.lines.count == 2)
  }
}
