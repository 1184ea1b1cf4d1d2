import Edge
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import Testing

@testable import GatewayServer

/// What answers say to browsers, caches and reverse proxies, whatever a provider sent.
@Suite struct AnswerFieldsTests {
  private static let path = "/proxy/custom/lab/v1/chat/completions"
  private static let bearer = ("authorization", "Bearer \(FakeBackend.accessToken)")

  @Test(arguments: ["public, max-age=31536000", "no-cache", nil])
  func proxiedAnswersAreNobodyElses(cacheControl: String?) async throws {
    let answering: TestUpstream.Answer = { _ in
      var fields: HTTPFields = [.expires: "Thu, 01 Jan 2099 00:00:00 GMT"]
      fields[.cacheControl] = cacheControl
      for name in [
        "X-Accel-Redirect", "X-Accel-Expires", "X-Accel-Buffering", "X-Sendfile",
        "CDN-Cache-Control", "Cloudflare-CDN-Cache-Control", "Surrogate-Control",
      ] {
        if let name = HTTPField.Name(name) { fields[name] = "/etc/passwd" }
      }
      return Response(status: .ok, headers: fields, body: .init(byteBuffer: ByteBuffer()))
    }
    try await TestGateway.runWithUpstream(answer: answering) { gateway, _ in
      for token in [[Self.bearer], []] {
        let answer = try await gateway.send(.POST, Self.path, headers: token, body: "{}")
        #expect(answer.headers["cache-control"] == ["private, no-store"])
        #expect(!answer.headers.contains { $0.value == "/etc/passwd" })
        #expect(answer.headers["expires"].isEmpty)
      }
    }
  }

  /// With and without a length: what counts is that nothing waits in front of the client.
  @Test(arguments: [true, false])
  func whatStreamsIsNotHeldBackByReverseProxies(hasLength: Bool) async throws {
    let answering: TestUpstream.Answer = { _ in
      let text = "data: {}\n\n"
      return Response(
        status: .ok, headers: [.contentType: "text/event-stream"],
        body: hasLength
          ? ResponseBody(byteBuffer: ByteBuffer(string: text))
          : ResponseBody { writer in
            try await writer.write(ByteBuffer(string: text))
            try await writer.finish(nil)
          })
    }
    try await TestGateway.runWithUpstream(answer: answering) { gateway, _ in
      let answer = try await gateway.send(.POST, Self.path, headers: [Self.bearer], body: "{}")
      #expect(answer.headers["x-accel-buffering"] == ["no"])
      let refusal = try await gateway.send(.POST, Self.path, body: "{}")
      #expect(refusal.headers["x-accel-buffering"].isEmpty)
      #expect(try await gateway.send(.GET, "/healthz").headers["x-accel-buffering"].isEmpty)
    }
  }

  @Test func browsersStayWithHTTPSForAYear() async throws {
    try await TestGateway.run(publicOrigin: "https://portal.example") { gateway in
      for path in ["/", "/api/v1/me", Self.path, "/healthz"] {
        let answer = try await gateway.send(.GET, path)
        #expect(answer.headers["strict-transport-security"] == ["max-age=31536000"])
      }
    }
  }

  /// Behind a reverse proxy whose Host is not the browser's, the operator is told what to do.
  @Test(arguments: [
    ("127.0.0.1:8080", "https://keys.example.org"),
    ("keys.example.org", "https://keys.example.org:8443"), ("127.0.0.1:8080", "null"),
  ])
  func anotherOriginNamesTheSetting(host: String, origin: String) async throws {
    try await TestGateway.run { gateway in
      let headers = [("host", host), ("origin", origin), ("sec-fetch-site", "same-origin")]
      let answer = try await gateway.json(
        .POST, "/api/v1/sessions", headers: headers, #"{"email":"a@example.org","password":"b"}"#)
      #expect(answer.status == 403)
      #expect(answer.body.contains("PUBLIC_URL"))
      #expect(answer.body.contains(origin))
      let page = try await gateway.form("/log-in", cookies: [], headers: headers, [("csrf", "x")])
      #expect(page.status == 403)
      #expect(page.body.contains("PUBLIC_URL"))
    }
  }
}
