import Edge
import Foundation
import HTTPTypes
import Hummingbird
import LocalDeployment
import NIOCore
import TestSupport
import Testing

@testable import GatewayServer

/// Requests that hide a second one from one reader and not from another (CWE-444): sent to the
/// gateway itself, and through nginx and HAProxy with connections that they share.
@Suite(.timeLimit(.minutes(4))) struct SmugglingTests {
  private static let hidden = "/hidden"
  private static let script = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Python/smuggling.py").path

  @Test func nothingHiddenReachesAProvider() async throws {
    var timeouts = ClientTimeouts()
    (timeouts.bodyTimeout, timeouts.proxiedBodyTimeout) = (.seconds(1), .seconds(1))
    timeouts.requestHeadTimeout = .seconds(1)
    try await TestUpstream.run { request in
      Response(
        status: .ok, headers: [.contentType: "text/plain"],
        body: .init(byteBuffer: ByteBuffer(string: "at /proxy/custom/lab\(request.uri.path)")))
    } _: { [timeouts] upstream in
      try await TestGateway.run(
        allowing: ["127.0.0.1:\(upstream.port)"], trusting: ["127.0.0.1/32"], timeouts: timeouts
      ) { gateway in
        gateway.backend.store(
          provider: "custom", label: "lab", key: "upstream-key",
          baseURL: "http://127.0.0.1:\(upstream.port)")
        // What is not hidden does: the test would notice.
        _ = try await gateway.raw(
          "GET /proxy/custom/lab\(Self.hidden) HTTP/1.1\r\nHost: a\r\n\(TestGateway.bearerLine)"
            + "Connection: close\r\n\r\n")
        func hiddenOnes() -> Int { upstream.requests.count { $0.path.contains(Self.hidden) } }
        #expect(hiddenOnes() == 1)
        let port = String(gateway.address.split(separator: ":").last ?? "")
        let (exit, output) = try await Python.run(
          Self.script, [port, FakeBackend.accessToken], timeout: .seconds(200))
        #expect(exit == .code(0), "\(output)")
        #expect(output.contains("all hold"), "\(output)")
        let paths = upstream.requests.dropFirst().map(\.path).filter { $0.contains(Self.hidden) }
        #expect(hiddenOnes() == 1, "\(paths)")
      }
    }
  }
}
