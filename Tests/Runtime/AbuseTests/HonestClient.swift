import Logging
import NIOCore
import NIOPosix
import RPC
import RPCTransport
import Synchronization
import TLS

/// A client that means no harm and must not notice that another does.
final class HonestClient: Sendable {
  struct Tally: Sendable {
    var calls = 0
    var failures: [String] = []
    var slowest: Duration = .zero
  }

  private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  /// What an answer has to be there within.
  private static let timeout: Duration = .seconds(15)
  private static let messageBytes = 1000
  /// More than a stream's first window: such messages need the server's leave. One call in eight
  /// asks for one, and the next sends one.
  private static let largeMessageBytes = 300_000
  static let kindsOfCalls = 8
  /// Between its calls, so that it leaves most of two cores to the attack.
  private static let pause: Duration = .milliseconds(2)

  private let client: RPCClient
  private let tally = Mutex(Tally())
  private let callsMax = Mutex(Int.max)

  init(port: Int, tls: TLSConfiguration?) {
    client = RPCClient(
      RPCClientConfiguration(host: "127.0.0.1", port: port, tls: tls),
      eventLoopGroup: Self.group, logger: Logger(label: "honest") { _ in SwiftLogNoOpLogHandler() })
  }

  var seen: Tally { tally.withLock { $0 } }

  func call(
    requestBytes: Int = messageBytes, responseBytes: Int = messageBytes
  ) async throws(RPCError) {
    let request = ByteBuffer(
      bytes: Protobuf.simpleRequest(responseBytes: responseBytes, payloadBytes: requestBytes))
    let answer = try await client.unary(
      MethodDescriptor(service: "grpc.testing.TestService", method: "UnaryCall", shape: .unary),
      request: request, options: CallOptions(timeout: Self.timeout))
    guard answer.message.readableBytes > responseBytes else {
      throw RPCError(.dataLoss, "the answer is too short")
    }
  }

  /// The same mix of small and large messages, whoever counts.
  func call(number: Int) async throws(RPCError) {
    switch number % Self.kindsOfCalls {
    case 0: try await call(responseBytes: Self.largeMessageBytes)
    case 1: try await call(requestBytes: Self.largeMessageBytes)
    default: try await call()
    }
  }

  /// Calls again and again until `stopCalling`.
  func keepCalling() async {
    while seen.calls < callsMax.withLock({ $0 }) {
      let start = ContinuousClock.now
      do throws(RPCError) {
        try await call(number: seen.calls)
        record(ContinuousClock.now - start, nil)
      } catch {
        record(ContinuousClock.now - start, error)
      }
      try? await Task.sleep(for: Self.pause)
    }
  }

  /// Has `keepCalling` end with the call under way, but not before it has made `calls`.
  func stopCalling(after calls: Int) {
    let made = seen.calls
    callsMax.withLock { $0 = max(made, calls) }
  }

  private func record(_ duration: Duration, _ error: RPCError?) {
    tally.withLock { tally in
      tally.calls += 1
      tally.slowest = max(tally.slowest, duration)
      if let error { tally.failures.append("\(error)") }
    }
  }

  func close() async { await client.close() }
}
