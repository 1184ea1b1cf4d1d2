import Logging
import NIOCore
import NIOPosix
import RPC
import RPCInterop
import RPCServices
import RPCTransport
import Testing

/// Messages around the size of a stream's window, behind others that have used a part of it: there
/// must be credit for each of them, whatever was left.
@Suite struct FlowControlTests {
  private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  private static let timeout: Duration = .seconds(20)
  private static let firstSizes = [0, 1, 16_384, 32_700, 32_800, 65_535]
  private static let secondSizes = [32_700, 32_800, 60_000, 65_520, 65_530, 65_540, 200_000]

  @Test(arguments: firstSizes, secondSizes)
  func aClientGetsEveryMessage(_ first: Int, _ second: Int) async throws {
    try await withClient { client in
      let sizes = [first, second]
      let request = TestingAPI.StreamingOutputCallRequest(
        responseParameters: sizes.map { .init(size: Int32($0)) })
      let got = try await client.streamingOutputCall(
        request, options: CallOptions(timeout: Self.timeout)
      ) { responses in
        var got: [Int] = []
        while let response = try await responses.next() {
          got.append(response.payload?.body.count ?? 0)
        }
        return got
      }
      #expect(got == sizes)
    }
  }

  @Test(arguments: firstSizes, secondSizes)
  func aServerGetsEveryMessage(_ first: Int, _ second: Int) async throws {
    try await withClient { client in
      let response = try await client.streamingInputCall(
        options: CallOptions(timeout: Self.timeout)
      ) { requests in
        for size in [first, second] {
          try await requests.write(
            TestingAPI.StreamingInputCallRequest(
              payload: TestingAPI.Payload(body: [UInt8](repeating: 7, count: size))))
        }
      }
      #expect(Int(response.aggregatedPayloadSize) == first + second)
    }
  }

  private func withClient(
    _ body: (TestingAPI.TestServiceClient) async throws -> Void
  ) async throws {
    let logger = Logger(label: "interop") { _ in SwiftLogNoOpLogHandler() }
    let server = RPCServer(
      RPCServerConfiguration(host: "127.0.0.1", port: 0, tls: nil),
      services: InteropServices.all(serverID: "test", health: InteropServices.makeHealth()),
      eventLoopGroup: Self.group, logger: logger)
    let port = try await server.start()
    let running = Task { try await server.run() }
    let client = RPCClient(
      RPCClientConfiguration(host: "127.0.0.1", port: port, tls: nil),
      eventLoopGroup: Self.group, logger: logger)
    let outcome: Result<Void, any Error>
    do {
      outcome = .success(try await body(TestingAPI.TestServiceClient(channel: client)))
    } catch {
      outcome = .failure(error)
    }
    await client.close()
    running.cancel()
    _ = await running.result
    try outcome.get()
  }
}
