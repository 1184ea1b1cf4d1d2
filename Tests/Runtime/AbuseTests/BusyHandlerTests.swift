import Logging
import NIOCore
import NIOPosix
import RPC
import RPCTransport
import Synchronization
import Testing
import Threads

/// A client that opens, resets and opens again must not make more handlers run than it may have
/// streams: a handler that doesn't listen goes on after its stream.
@Suite struct BusyHandlerTests {
  private static let streamsMax = 16
  private static let rounds = 20

  /// Handlers that neither end nor hear that they are cancelled, until they are let go.
  private final class StubbornService: RPCService {
    private struct State {
      var running = 0
      var peak = 0
      var isReleased = false
      var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var methodHandlers: [MethodHandler] {
      [
        MethodHandler(
          MethodDescriptor(service: "grpc.testing.TestService", method: "Hold", shape: .unary),
          .unary { _, _ in
            await self.hold()
            return ByteBuffer()
          })
      ]
    }

    var peak: Int { state.withLock { $0.peak } }

    private func hold() async {
      await withCheckedContinuation { continuation in
        let isReleased = state.withLock { state in
          state.running += 1
          state.peak = max(state.peak, state.running)
          if !state.isReleased { state.waiting.append(continuation) }
          return state.isReleased
        }
        if isReleased { continuation.resume() }
      }
      state.withLock { $0.running -= 1 }
    }

    func release() {
      let waiting = state.withLock { state in
        state.isReleased = true
        defer { state.waiting = [] }
        return state.waiting
      }
      for continuation in waiting { continuation.resume() }
    }
  }

  private struct Outcome: Sendable {
    let refused: Int
    let last: Int?
    let neighbour: Int?
  }

  @Test func resetStreamsKeepTheirPlacesUntilTheirHandlersEnd() async throws {
    let service = StubbornService()
    var configuration = RPCServerConfiguration(host: "127.0.0.1", port: 0, tls: nil)
    configuration.concurrentStreamsMax = Self.streamsMax
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let server = RPCServer(
      configuration, services: [service], eventLoopGroup: group,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let port = try await server.start()
    let running = Task { try await server.run() }
    let outcome = try await OwnThread.run { try Self.attack(service, port) }
    running.cancel()
    _ = await running.result
    try await group.shutdownGracefully()
    #expect(outcome.refused == Self.rounds * Self.streamsMax)
    #expect(outcome.neighbour == 0)
    #expect(outcome.last == 0)
    // One of them was the neighbour's, who came when the first had been let go.
    #expect(service.peak == Self.streamsMax)
  }

  private static func call(_ stream: Int) -> [UInt8] {
    Frame.headers(stream, HeaderBytes.call("Hold")) + Frame.data(stream, envelope([]), ends: true)
  }

  private static func attack(_ service: StubbornService, _ port: Int) throws -> Outcome {
    let connection = try AttackConnection(port: port)
    let first = (0..<streamsMax).map(Flood.stream)
    connection.send(first.flatMap { call($0) + Frame.reset($0) })
    var refused = 0
    for round in 1...rounds {
      let streams = (round * streamsMax..<(round + 1) * streamsMax).map(Flood.stream)
      connection.send(streams.flatMap(call))
      connection.wait(for: .seconds(5)) { heard in streams.allSatisfy { heard.isOver($0) } }
      refused += streams.count { connection.heard.isRefused($0) }
    }
    service.release()
    let neighbour = try AttackConnection(port: port)
    neighbour.send(call(1))
    neighbour.wait(for: .seconds(5)) { $0.isOver(1) }
    let last = Flood.stream((rounds + 1) * streamsMax)
    connection.send(call(last))
    connection.wait(for: .seconds(5)) { $0.isOver(last) }
    return Outcome(
      refused: refused, last: connection.heard.grpcStatus(last),
      neighbour: neighbour.heard.grpcStatus(1))
  }
}
