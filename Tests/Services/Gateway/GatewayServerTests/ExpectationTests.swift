import Egress
import HTTPTypes
import Hummingbird
import Testing

@testable import GatewayServer

/// `Expect: 100-continue` (RFC 9110, 10.1.1): a client that waits with its body is told when
/// somebody wants it, and isn't when its request is refused as it is.
@Suite(.timeLimit(.minutes(1))) struct ExpectationTests {
  private static let path = "/proxy/custom/lab/v1/files"

  private static func head(
    _ path: String, _ fields: String, version: String = "HTTP/1.1", token: Bool = true
  ) -> String {
    "POST \(path) \(version)\r\nHost: a\r\n\(token ? TestGateway.bearerLine : "")"
      + "Content-Type: application/json\r\nExpect: 100-Continue\r\n\(fields)\r\n"
  }

  /// Read at once, read in pieces, and of unknown length.
  @Test(arguments: [2, 2 << 20, nil])
  func theBodyForAProviderIsAskedFor(length: Int?) async throws {
    try await TestGateway.runWithUpstream { gateway, upstream in
      try await gateway.connect { connection in
        for _ in 0..<2 {
          let body = String(repeating: "x", count: length ?? 3)
          let framing =
            length.map { "Content-Length: \($0)\r\n" } ?? "Transfer-Encoding: chunked\r\n"
          try await connection.send(Self.head(Self.path, framing))
          let interim = try await connection.answer()
          #expect(interim.status == 100)
          #expect(interim.fields.isEmpty)
          try await connection.send(length == nil ? "3\r\nxxx\r\n0\r\n\r\n" : body)
          let answer = try await connection.answer()
          #expect(answer.status == 200)
          #expect(answer["connection"] == nil)
          #expect(upstream.requests.last?.body.utf8.count == body.utf8.count)
          #expect(upstream.requests.last?.headers[.expect] == nil)
        }
      }
    }
  }

  @Test func theBodyOfTheAPIIsAskedFor() async throws {
    try await TestGateway.run { gateway in
      let body = #"{"email":"\#(FakeBackend.email)","password":"\#(FakeBackend.password)"}"#
      try await gateway.connect { connection in
        try await connection.send(
          Self.head("/api/v1/sessions", "Content-Length: \(body.utf8.count)\r\n", token: false))
        #expect(try await connection.answer().status == 100)
        try await connection.send(body)
        #expect(try await connection.answer().status == 201)
      }
    }
  }

  /// What is wrong with the head is said before a large body has made its way.
  @Test(arguments: [
    (path, 9, false, 401), (path, 3 << 20, true, 413), ("/nothing", 9, true, 404),
    ("/proxy/nobody/v1/x", 9, true, 404), ("/api/v1/me", 9, true, 405),
    ("/api/v1/accounts", 1 << 20, true, 413),
  ])
  func aRefusalComesWithoutAskingForTheBody(
    path: String, length: Int, token: Bool, status: Int
  ) async throws {
    var limits = UpstreamLimits()
    limits.requestBytesMax = 2 << 20
    try await TestGateway.runWithUpstream(limits: limits) { gateway, upstream in
      try await gateway.connect { connection in
        try await connection.send(
          Self.head(path, "Content-Length: \(length)\r\n", token: token))
        let answer = try await connection.answer()
        #expect(answer.status == status)
        // Nobody knows whether the body comes all the same.
        #expect(answer["connection"] == "close")
        #expect(try await connection.rest() == "")
      }
      #expect(upstream.requests.isEmpty)
    }
  }

  @Test func aClientThatDoesNotWaitIsNotAsked() async throws {
    try await TestGateway.runWithUpstream { gateway, upstream in
      try await gateway.connect { connection in
        try await connection.send(Self.head(Self.path, "Content-Length: 4\r\n") + "ab")
        try await connection.send("cd")
        let answer = try await connection.answer()
        #expect(answer.status == 200)
        #expect(answer["connection"] == nil)
      }
      #expect(upstream.requests.map(\.body) == ["abcd"])
    }
  }

  @Test func aRequestWithoutABodyIsNotAskedForOne() async throws {
    try await TestGateway.run { gateway in
      try await gateway.connect { connection in
        for fields in ["", "Content-Length: 0\r\n"] {
          try await connection.send(
            "GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\(fields)\r\n")
          let answer = try await connection.answer()
          #expect(answer.status == 200)
          #expect(answer["connection"] == nil)
        }
      }
    }
  }

  /// HTTP/1.0 knows no interim answers.
  @Test func anOldClientIsNotAsked() async throws {
    try await TestGateway.runWithUpstream { gateway, _ in
      try await gateway.connect { connection in
        try await connection.send(
          Self.head(Self.path, "Content-Length: 2\r\n", version: "HTTP/1.0"))
        try await connection.send("{}")
        #expect(try await connection.answer().status == 200)
      }
    }
  }

  @Test(arguments: ["Expect: 200-ok\r\n", "Expect: 100-continue, a=b\r\n"])
  func anUnknownExpectationFails(field: String) async throws {
    try await TestGateway.run { gateway in
      try await gateway.connect { connection in
        try await connection.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\(field)\r\n")
        let answer = try await connection.answer()
        #expect(answer.status == 417)
        #expect(answer.body.contains("100-continue"))
        #expect(try await connection.rest() == "")
      }
    }
  }
}
