import Foundation
import LocalDeployment
import Synchronization
import TestSupport

/// The process of Python/otlp_collector.py: a collector made of grpcio and OpenTelemetry's own
/// messages. The kernel ends it with the test process.
final class TraceCollector: Sendable {
  /// What the collector does with what it is sent.
  enum Mood: String { case take, refuse, hang, refuseHalf = "refuse-half" }

  /// A span as OpenTelemetry's messages hold it.
  struct Span: Decodable, Sendable {
    let trace: String
    let id: String
    let parent: String
    let name: String
    let kind: String
    let status: String
    let nanoseconds: Int
    let attributes: [String: Value]
    let resource: [String: Value]
    let scope: String

    var service: String { resource["service.name"]?.text ?? "" }
  }

  /// A text or a number: collectors keep the two apart.
  enum Value: Decodable, Hashable, Sendable {
    case text(String)
    case number(Int)

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let number = try? container.decode(Int.self) {
        self = .number(number)
      } else {
        self = .text(try container.decode(String.self))
      }
    }

    var text: String? { if case .text(let text) = self { text } else { nil } }
  }

  private struct Start: Decodable { let port: Int }

  private let process: ChildProcess
  private let output: Mutex<[UInt8]>
  /// For `OTEL_EXPORTER_OTLP_ENDPOINT`.
  let endpoint: String

  private init(process: ChildProcess, printed: [UInt8], endpoint: String) {
    (self.process, self.endpoint) = (process, endpoint)
    output = Mutex(printed)
  }

  static func start(_ mood: Mood) async throws -> TraceCollector {
    let environment = ProcessInfo.processInfo.environment
    let (pieces, pipe) = AsyncStream.makeStream(of: [UInt8].self)
    let process = try await ChildProcess.spawn(
      Command(
        path: environment[Python.environmentVariable] ?? "/usr/bin/python3",
        arguments: [pythonScript("otlp_collector"), mood.rawValue], environment: environment)
    ) { piece in
      if let piece { pipe.yield(piece) } else { pipe.finish() }
    }
    var printed: [UInt8] = []
    for await piece in pieces {
      printed += piece
      guard let line = lines(printed).first else { continue }
      let start = try JSONDecoder().decode(Start.self, from: line)
      let collector = TraceCollector(
        process: process, printed: printed, endpoint: "http://127.0.0.1:\(start.port)")
      // Unstructured: it ends with the process.
      Task { for await piece in pieces { collector.output.withLock { $0 += piece } } }
      return collector
    }
    throw PortalError.unexpected(String(decoding: printed, as: UTF8.self))
  }

  /// All spans so far.
  func spans() throws -> [Span] {
    try Self.lines(output.withLock(\.self)).dropFirst()
      .map { try JSONDecoder().decode(Span.self, from: $0) }
  }

  /// Waits until the spans satisfy `condition`; the test's own time limit bounds it.
  func spans(until condition: ([Span]) -> Bool) async throws -> [Span] {
    while true {
      let spans = try spans()
      if condition(spans) { return spans }
      // The process has no way to be waited for but its output.
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  func stop() { process.signal(SIGKILL) }

  /// Whole lines only.
  private static func lines(_ bytes: [UInt8]) -> [Data] {
    guard let end = bytes.lastIndex(of: 0x0A) else { return [] }
    return bytes[..<end].split(separator: 0x0A).map { Data($0) }
  }
}
