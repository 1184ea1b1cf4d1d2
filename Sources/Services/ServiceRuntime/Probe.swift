import Addresses
import Glibc
import Logging
import NIOPosix
import RPC
import RPCServices
import RPCTransport

/// `SERVICE --probe`: asks the running service how it is, for orchestrators that run a command in
/// its container. Needs no shell, no certificate and no other program.
struct Probe {
  /// How long the answer may take.
  static let timeout: Duration = .seconds(3)

  /// What is asked.
  enum Subject: String {
    case liveness, readiness

    var serviceName: String {
      switch self {
      case .liveness: ""
      case .readiness: Readiness.serviceName
      }
    }
  }

  let subject: Subject
  /// The setting HEALTH_LISTEN_ADDRESS, as the service has it.
  let address: NetworkAddress

  /// What it found, as one sentence.
  func run() async -> (isWell: Bool, sentence: String) {
    let client = RPCClient(
      RPCClientConfiguration(host: reachableHost, port: address.port, tls: nil),
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
      logger: Logger(label: "probe") { _ in SwiftLogNoOpLogHandler() })
    let outcome: (Bool, String)
    do throws(RPCError) {
      let answer = try await HealthAPI.HealthClient(channel: client).check(
        HealthAPI.HealthCheckRequest(service: subject.serviceName),
        options: CallOptions(timeout: Self.timeout))
      outcome =
        answer.status == .serving
        ? (true, "\(subject.rawValue): serving") : (false, "\(subject.rawValue): not serving")
    } catch {
      outcome = (false, "\(subject.rawValue): no answer at \(address): \(error.message)")
    }
    await client.close()
    return outcome
  }

  /// An address to listen on may mean all of the machine's; one to connect to may not.
  private var reachableHost: String {
    switch address.host {
    case "0.0.0.0": "127.0.0.1"
    case "::": "::1"
    default: address.host
    }
  }
}
