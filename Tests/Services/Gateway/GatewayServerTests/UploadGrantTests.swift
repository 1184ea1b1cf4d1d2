import Edge
import HTTPTypes
import Hummingbird
import NIOHTTP1
import Testing

@testable import GatewayServer

/// Uploads as Google's SDKs make them: begun with the token, their bytes sent to the address that
/// the answer names, without any credential.
@Suite struct UploadGrantTests {
  private static let path = "/proxy/custom/lab/upload/files"
  private static let origin = "http://portal.example"
  private static let parameter = "chatelaine-grant="

  /// Begins an upload, and gives what is below the portal of the address that its answer names.
  private func begin(
    _ gateway: TestGateway, path: String = path, headers: [(String, String)] = [ProxyRun.bearer]
  ) async throws -> String {
    let answer = try await gateway.send(
      .POST, path, headers: headers + [("x-goog-upload-command", "start")])
    let address = try #require(answer.headers["x-goog-upload-url"].first)
    #expect(address.hasPrefix(Self.origin + path + "?upload_id=4&" + Self.parameter))
    #expect(!address.contains(FakeBackend.accessToken))
    return String(address.dropFirst(Self.origin.count))
  }

  private func run(
    _ body: @escaping @Sendable (TestGateway, TestUpstream) async throws -> Void
  ) async throws {
    try await ProxyRun.run { request in
      guard request.headers[.fixed("x-goog-upload-command")] == "start" else {
        return Response(status: .ok, headers: [.fixed("x-goog-upload-status"): "final"])
      }
      let address = "http://\(request.head.authority ?? "")\(request.uri.path)?upload_id=4"
      return Response(
        status: .ok,
        headers: [
          .fixed("x-goog-upload-url"): address, .fixed("x-goog-upload-control-url"): address,
        ])
    } _: {
      try await body($0, $1)
    }
  }

  @Test func theBytesArriveWithTheKeyAndWithoutTheGrantAndLeaveAReceipt() async throws {
    try await run { gateway, upstream in
      let address = try await begin(gateway)
      let answer = try await gateway.send(
        .POST, address, headers: [("x-goog-upload-command", "upload, finalize")], body: "bytes")
      #expect(answer.status == 200)
      #expect(answer.headers["x-goog-upload-status"] == ["final"])
      #expect(
        upstream.requests.map(\.path) == ["/v1/upload/files", "/v1/upload/files?upload_id=4"])
      let received = try #require(upstream.requests.last)
      #expect(received.body == "bytes")
      #expect(received.headers[.authorization] == "Bearer \(ProxyRun.key)")
      #expect(!received.headers.contains { $0.value.contains("grant") })
      #expect(
        gateway.backend.resolvedPurposes == ["POST /upload/files", "POST /upload/files"])
    }
  }

  @Test func theLabelThatItWasBegunWithNeedNotBeRepeated() async throws {
    try await TestUpstream.run { request in
      let address = "http://\(request.head.authority ?? "")/upload?upload_id=4"
      return Response(status: .ok, headers: [.fixed("x-goog-upload-url"): address])
    } _: { upstream in
      let endpoint = "127.0.0.1:\(upstream.port)"
      try await TestGateway.run(allowing: [endpoint]) { gateway in
        for (label, key) in [("default", "first"), ("work", "second")] {
          gateway.backend.store(
            provider: "google", label: label, key: key, baseURL: "http://\(endpoint)")
        }
        let label = ("x-chatelaine-label", "work")
        let address = try await begin(
          gateway, path: "/proxy/google/upload", headers: [ProxyRun.bearer, label])
        for headers in [[], [label]] {
          #expect(try await gateway.send(.PUT, address, headers: headers, body: "a").status == 200)
          #expect(upstream.requests.last?.headers[.fixed("x-goog-api-key")] == "second")
        }
        let moved = try await gateway.send(
          .PUT, address, headers: [("x-chatelaine-label", "default")], body: "a")
        #expect(moved.status == 403 && upstream.requests.count == 3)
      }
    }
  }

  @Test func aTokenBesideTheGrantCountsAndTheGrantStaysHere() async throws {
    try await run { gateway, upstream in
      let address = try await begin(gateway)
      for sent in [address, Self.path + "?upload_id=4&\(Self.parameter)made-up"] {
        let answer = try await gateway.send(.POST, sent, headers: [ProxyRun.bearer], body: "bytes")
        #expect(answer.status == 200)
        #expect(upstream.requests.last?.path == "/v1/upload/files?upload_id=4")
      }
      let wrong = try await gateway.send(
        .POST, address, headers: [("authorization", "Bearer chat_wrong")], body: "bytes")
      #expect(wrong.status == 401 && upstream.requests.count == 3)
    }
  }

  @Test func aGrantThatWasMovedOrChangedIsRefusedWithASentenceAndWithoutAReceipt() async throws {
    try await run { gateway, upstream in
      let address = try await begin(gateway)
      let grant = try #require(address.split(separator: "&").last)
      for moved in [
        "\(Self.path)?upload_id=5&\(grant)", "\(Self.path)/x?upload_id=4&\(grant)",
        "\(address)&b=1", "\(address)&\(grant)", "\(Self.path)?upload_id=4&\(Self.parameter)AAAA",
        "/proxy/openai/upload/files?upload_id=4&\(grant)",
      ] {
        let answer = try await gateway.send(.POST, moved, body: "bytes")
        #expect(answer.status == 403 && answer.body.contains("Begin the upload again"), "\(moved)")
        #expect(!answer.body.contains(grant.dropFirst(Self.parameter.count)))
        #expect(answer.headers["x-should-retry"] == ["false"])
      }
      #expect(try await gateway.send(.GET, address).status == 403)
      let page = try await gateway.send(.POST, address, headers: [("sec-fetch-mode", "navigate")])
      #expect(page.status == 400)
      #expect(upstream.requests.count == 1 && gateway.backend.resolvedPurposes.count == 1)
    }
  }

  @Test func aRevokedTokenEndsItsUploads() async throws {
    try await run { gateway, upstream in
      let address = try await begin(gateway)
      gateway.backend.revokeToken()
      #expect(try await gateway.send(.POST, address, body: "bytes").status == 401)
      #expect(upstream.requests.count == 1)
    }
  }

  @Test func theGrantIsNotInTheLog() async throws {
    let lines = LogLines()
    try await TestUpstream.run { request in
      let address = "http://\(request.head.authority ?? "")/upload/files?upload_id=4"
      return Response(status: .ok, headers: [.fixed("x-goog-upload-url"): address])
    } _: { upstream in
      let endpoint = "127.0.0.1:\(upstream.port)"
      try await TestGateway.run(allowing: [endpoint], logger: lines.logger) { gateway in
        gateway.backend.store(
          provider: "custom", label: "lab", key: "key", baseURL: "http://\(endpoint)")
        let address = try await begin(gateway)
        #expect(try await gateway.send(.POST, address, body: "bytes").status == 200)
        #expect(try await gateway.send(.POST, address + "x", body: "bytes").status == 403)
      }
    }
    let texts = lines.all.map { "\($0.message) \($0.fields)" }
    #expect(texts.count >= 3 && !texts.contains { $0.contains("grant") })
  }
}
