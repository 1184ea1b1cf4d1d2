import BenchMessages
import NIOCore
import Networking
import RPC
import RPCTransport

/// Many callers that each make one call after the other until the time is up.
struct Load: Sendable {
  static let warmUp: Duration = .seconds(1)
  /// Bytes that one stream carries, so that a run has many streams and its end is not late.
  private static let streamBytes = 16 << 20
  /// Long enough for a stream on a busy machine.
  private static let streamTimeout: Duration = .seconds(60)

  private let arguments: Arguments
  private let client: BenchAPI.BenchClient
  private let executor: (any TaskExecutor)?
  private let chunk: BenchAPI.Chunk
  private let chunksPerStream: Int

  init(_ arguments: Arguments, client: RPCClient, eventLoop: any EventLoop) {
    self.arguments = arguments
    self.client = BenchAPI.BenchClient(channel: client)
    executor = arguments.isOnLoop ? eventLoop.taskExecutor : nil
    chunk = BenchAPI.Chunk(data: [UInt8](repeating: 0x78, count: arguments.chunkBytes))
    chunksPerStream = max(1, Self.streamBytes / max(1, arguments.chunkBytes))
  }

  func run(for duration: Duration) async throws -> Outcome {
    let start = Instant.now
    let end = start.clock + duration
    let units = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<arguments.tasks {
        group.addTask(executorPreference: executor) {
          var units = 0
          while ContinuousClock.now < end { units += try await once() }
          return units
        }
      }
      return try await group.reduce(0, +)
    }
    return Outcome(since: start, units: units)
  }

  /// Makes one call and returns what it counts for: itself, or the messages of its stream.
  private func once() async throws -> Int {
    switch arguments.method {
    case .get: try await get()
    case .source: try await source()
    case .sink: try await sink()
    case .echo: try await echo()
    }
  }

  private func get() async throws -> Int {
    let request = BenchAPI.GetRequest(
      userId: "2f6e8a9c-4b1d-4e57-a3c9-0d8f7b6a5e41", provider: "anthropic")
    _ = try await client.get(request)
    return 1
  }

  private func source() async throws -> Int {
    let request = BenchAPI.SourceRequest(
      chunks: Int32(chunksPerStream), chunkBytes: Int32(arguments.chunkBytes))
    return try await client.source(request, options: CallOptions(timeout: Self.streamTimeout)) {
      (responses) async throws in
      var received = 0
      while try await responses.next() != nil { received += 1 }
      return received
    }
  }

  private func sink() async throws -> Int {
    let total = try await client.sink(options: CallOptions(timeout: Self.streamTimeout)) {
      (requests) async throws in
      for _ in 0..<chunksPerStream { try await requests.write(chunk) }
    }
    return Int(total.chunks)
  }

  /// One message at a time: what comes back has crossed the wire twice.
  private func echo() async throws -> Int {
    try await client.echo(options: CallOptions(timeout: Self.streamTimeout)) {
      (requests, responses) async throws in
      for _ in 0..<chunksPerStream {
        try await requests.write(chunk)
        _ = try await responses.next()
      }
      requests.finish()
      while try await responses.next() != nil {}
      return chunksPerStream
    }
  }
}
