import NIOCore
import Networking
import RPCTransport

/// Connects to one host whatever name the server must prove to have.
struct OverridingResolver: AddressResolver {
  let host: String

  func addresses(of name: String, port: Int) async throws -> [SocketAddress] {
    try await SystemResolver.shared.addresses(of: host, port: port)
  }
}
