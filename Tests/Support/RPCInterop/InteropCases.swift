package import RPC

/// What a client of `grpc.testing.TestService` has to get from any server: one method per case.
package struct InteropCases: Sendable {
  /// Opens another channel to the same server for as long as the body runs.
  package typealias WithNewChannel =
    @Sendable (_ body: (any RPCChannel) async throws -> Void) async throws -> Void

  /// For every call that isn't about time.
  static let callTimeout: Duration = .seconds(30)

  let channel: any RPCChannel
  let withNewChannel: WithNewChannel
  let soak: SoakOptions

  /// Only `channel_soak` opens channels of its own.
  package init(
    channel: any RPCChannel, soak: SoakOptions = SoakOptions(),
    withNewChannel: @escaping WithNewChannel
  ) {
    self.channel = channel
    self.soak = soak
    self.withNewChannel = withNewChannel
  }

  var client: TestingAPI.TestServiceClient { TestingAPI.TestServiceClient(channel: channel) }

  func options(
    metadata: Metadata = Metadata(), encoding: MessageEncoding = .identity
  ) -> CallOptions {
    CallOptions(metadata: metadata, timeout: Self.callTimeout, encoding: encoding)
  }
}

extension TestingAPI.Payload {
  /// Zeros, as all payloads of the descriptions are.
  init(byteCount: Int) {
    self.init(body: [UInt8](repeating: 0, count: byteCount))
  }
}
