import Logging
import NIOCore
import RPC
import RPCTransport

/// Opens channels to the server under test.
struct Dial: Sendable {
  let configuration: RPCClientConfiguration
  let group: any EventLoopGroup
  let logger: Logger

  /// Opens a channel for as long as `body` runs.
  func withChannel(_ body: (any RPCChannel) async throws -> Void) async throws {
    let client = RPCClient(configuration, eventLoopGroup: group, logger: logger)
    do {
      try await body(client)
    } catch {
      await client.close()
      throw error
    }
    await client.close()
  }
}
