import NIOCore
import NIOPosix
import RPC
import RPCTransport

/// Accepts connections and never answers.
final class MuteListener: Sendable {
  private let channel: any Channel

  init() async throws {
    channel = try await ServerBootstrap(group: TestServer.group)
      .childChannelOption(.autoRead, value: false)
      .bind(host: "127.0.0.1", port: 0).get()
  }

  func client(configure: (inout RPCClientConfiguration) -> Void = { _ in }) -> RPCClient {
    var configuration = RPCClientConfiguration(
      host: "127.0.0.1", port: channel.localAddress?.port ?? 0, tls: nil)
    configure(&configuration)
    return RPCClient(configuration, eventLoopGroup: TestServer.group, logger: .silent)
  }

  func stop() async {
    try? await channel.close()
  }
}
