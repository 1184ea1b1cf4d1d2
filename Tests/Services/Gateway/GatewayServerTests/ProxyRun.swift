import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1

@testable import GatewayServer

/// A gateway whose user has a custom endpoint `lab` at an upstream, with `/v1` in its base URL.
enum ProxyRun {
  static let bearer = ("authorization", "Bearer \(FakeBackend.accessToken)")
  static let key = "upstream-key"

  static let ok: TestUpstream.Answer = { _ in
    Response(
      status: .ok, headers: [.contentType: "application/json"],
      body: .init(byteBuffer: ByteBuffer(string: #"{"ok":true}"#)))
  }

  static func run(
    answer: @escaping TestUpstream.Answer = ok,
    _ body: @escaping @Sendable (TestGateway, TestUpstream) async throws -> Void
  ) async throws {
    try await TestUpstream.run(answer) { upstream in
      try await TestGateway.run(allowing: ["127.0.0.1:\(upstream.port)"]) { gateway in
        gateway.backend.store(
          provider: "custom", label: "lab", key: key,
          baseURL: "http://127.0.0.1:\(upstream.port)/v1")
        try await body(gateway, upstream)
      }
    }
  }
}
