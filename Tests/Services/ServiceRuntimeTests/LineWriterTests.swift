import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import ServiceRuntime

@Suite struct LineWriterTests {
  /// What was written, each time.
  private final class Sink: Sendable {
    let writes = Mutex<[String]>([])

    func writer() -> LineWriter {
      LineWriter { bytes in
        self.writes.withLock { $0.append(String(decoding: bytes, as: UTF8.self)) }
      }
    }
  }

  private let sink = Sink()
  private let loop = MultiThreadedEventLoopGroup.singleton.next()

  @Test func linesOfOneRoundGoOutTogether() async throws {
    let writer = sink.writer()
    try await loop.submit {
      for number in 0..<3 { writer.write(Array("\(number)\n".utf8), isUrgent: false) }
    }.get()
    // Behind what the round left.
    try await loop.submit {}.get()
    #expect(sink.writes.withLock(\.self) == ["0\n1\n2\n"])
  }

  @Test func anUrgentLineTakesTheOthersAlong() async throws {
    let (writer, sink) = (sink.writer(), sink)
    let atOnce = try await loop.submit {
      writer.write(Array("a\n".utf8), isUrgent: false)
      writer.write(Array("b\n".utf8), isUrgent: true)
      return sink.writes.withLock(\.self)
    }.get()
    #expect(atOnce == ["a\nb\n"])
  }

  @Test func aLineFromElsewhereDoesNotWait() {
    sink.writer().write(Array("a\n".utf8), isUrgent: false)
    #expect(sink.writes.withLock(\.self) == ["a\n"])
  }

  @Test func moreThanMayWaitGoesOutBeforeTheRoundIsOver() async throws {
    let (writer, sink) = (sink.writer(), sink)
    let line = [UInt8](repeating: 0x61, count: LineWriter.waitingBytesMax / 2)
    let written = try await loop.submit {
      for _ in 0..<4 { writer.write(line, isUrgent: false) }
      return sink.writes.withLock { $0.map(\.utf8.count) }
    }.get()
    #expect(written == [LineWriter.waitingBytesMax, LineWriter.waitingBytesMax])
  }
}
