import Addresses
import NIOCore
import Networking
import RPCTransport
import Synchronization

/// Gives the addresses that a test says.
final class ScriptedResolver: AddressResolver {
  enum Answer: Sendable {
    /// Ports of 127.0.0.1.
    case ports([Int])
    case failure
  }

  private struct Failure: Error, CustomStringConvertible {
    let description = "the name is not known"
  }

  private struct State {
    var answers: [Answer]
    var queryCount = 0
  }

  /// Of this host nobody says anything.
  static let silentHost = "silent.test"

  private let state: Mutex<State>
  private let barrier: Barrier?

  /// The last answer repeats.
  ///
  /// - Parameter togetherCount: so many look-ups get their answers once all have been made.
  init(_ answers: Answer..., togetherCount: Int? = nil) {
    state = Mutex(State(answers: answers))
    barrier = togetherCount.map { Barrier(count: $0) }
  }

  var queryCount: Int { state.withLock(\.queryCount) }

  func set(_ answer: Answer) {
    state.withLock { $0.answers = [answer] }
  }

  func addresses(of host: String, port: Int) async throws -> [SocketAddress] {
    if host == Self.silentHost { try await Task.sleep(for: .seconds(3_600)) }
    await barrier?.arrive()
    let answer = state.withLock { state in
      state.queryCount += 1
      return state.answers.count > 1 ? state.answers.removeFirst() : state.answers.first
    }
    guard case .ports(let ports)? = answer else { throw Failure() }
    return try ports.map { try SocketAddress(ipAddress: "127.0.0.1", port: $0) }
  }

  /// A client of `service.test`, which is wherever this says; on one event loop, without patience.
  func client(
    of targets: [NetworkAddress] = [NetworkAddress(host: "service.test", port: 1)],
    configure: (inout RPCClientConfiguration) -> Void = { _ in }
  ) -> RPCClient {
    var configuration = RPCClientConfiguration(
      targets[0], Array(targets.dropFirst()), tls: nil)
    configuration.resolver = self
    configuration.resolutionIntervalMin = .zero
    configuration.connectionCountMax = 1
    configuration.backoffMin = .milliseconds(1)
    configuration.backoffMax = .milliseconds(10)
    configuration.reconnectPatience = .zero
    configure(&configuration)
    return RPCClient(configuration, eventLoopGroup: TestServer.group, logger: .silent)
  }
}
