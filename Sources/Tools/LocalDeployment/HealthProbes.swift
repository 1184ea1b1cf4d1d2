import Foundation
import Identity
import Logging
import NIOPosix
import RPC
import RPCServices
import RPCTransport
import TLS
import Threads

/// Asks a service by `grpc.health.v1`, as the operator, over one connection that is kept.
struct RPCHealthProbe: HealthProbe {
  private let client: RPCClient
  private let port: Int

  /// - Parameter address: `host:port` on this machine.
  init(_ service: ServiceName, port: Int, certificates: CertificatePaths) {
    self.port = port
    client = RPCClient(
      RPCClientConfiguration(
        host: "127.0.0.1", port: port,
        tls: TLSConfiguration(
          certificateFile: certificates.certificate, privateKeyFile: certificates.privateKey,
          certificateAuthorityFile: certificates.authority),
        serverIdentity: PeerIdentity.of(service.rawValue)),
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
      logger: Logger(label: "chatelaine") { _ in SwiftLogNoOpLogHandler() })
  }

  func answers(within timeout: Duration) async -> Bool {
    do throws(RPCError) {
      _ = try await HealthAPI.HealthClient(channel: client)
        .check(HealthAPI.HealthCheckRequest(), options: CallOptions(timeout: timeout))
      return true
    } catch {
      // Any word of the service itself will do.
      return ![.deadlineExceeded, .unavailable, .cancelled].contains(error.code)
    }
  }

  func isListening() async -> Bool { await LoopbackPort.isListening(port) }

  func close() async { await client.close() }
}

/// Asks the gateway for `/healthz`, over a connection of its own each time.
struct GatewayHealthProbe: HealthProbe {
  let port: Int

  func answers(within timeout: Duration) async -> Bool {
    let probe = PortalProbe(port: port)
    return (try? await OwnThread.run { probe.isAlive(within: timeout) }) ?? true
  }

  func isListening() async -> Bool { await LoopbackPort.isListening(port) }
}

extension LoopbackPort {
  /// Whether somebody listens; the kernel answers for a process that is stopped.
  static func isListening(_ port: Int) async -> Bool {
    (try? await OwnThread.run {
      let descriptor = socket(
        AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      guard descriptor >= 0 else { return true }
      defer { close(descriptor) }
      return LoopbackPort.connect(descriptor, to: port)
    }) ?? true
  }
}
