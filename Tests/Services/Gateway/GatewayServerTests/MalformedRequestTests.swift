import Edge
import HTTPTypes
import Testing

@testable import GatewayServer

/// Requests that can't be answered as they are: each gets one answer that says why, and the
/// connection ends.
@Suite(.timeLimit(.minutes(1))) struct MalformedRequestTests {
  private static let path = "/proxy/custom/lab/v1/chat/completions"

  private func expect(
    _ text: String, isAnsweredWith status: Int, saying words: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    try await expect(Array(text.utf8), isAnsweredWith: status, saying: words, sourceLocation)
  }

  private func expect(
    _ bytes: [UInt8], isAnsweredWith status: Int, saying words: String = "",
    _ sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    try await TestGateway.runWithUpstream { gateway, upstream in
      try await gateway.connect { connection in
        try await connection.send(bytes)
        let answer = try await connection.answer()
        #expect(answer.status == status, sourceLocation: sourceLocation)
        #expect(answer["connection"] == "close", sourceLocation: sourceLocation)
        #expect(
          answer["content-type"] == "application/problem+json", sourceLocation: sourceLocation)
        #expect(answer["x-request-id"] != nil, sourceLocation: sourceLocation)
        #expect(answer["content-security-policy"] != nil, sourceLocation: sourceLocation)
        #expect(answer.body.contains(#""status":\#(status)"#), sourceLocation: sourceLocation)
        #expect(answer.body.contains(words), sourceLocation: sourceLocation)
        #expect(try await connection.rest() == "", sourceLocation: sourceLocation)
      }
      #expect(gateway.backend.auth.calls.isEmpty, sourceLocation: sourceLocation)
      #expect(upstream.requests.isEmpty, sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: [
    "", "Host: a\r\nHost: a\r\n", "Host: a\r\nhost: b\r\n", "Host: a b\r\n", "Host: a/b\r\n",
    "Host: user@a\r\n", "Host: a:port\r\n", "Host: a:123456\r\n", "Host: a:70000\r\n",
    "Host: [::1\r\n", "Host: ::1\r\n", "Host: [::1]a\r\n", "Host: [127.0.0.1]\r\n", "Host: a%2\r\n",
    "Host: a\\b\r\n", "Host: b\u{E4}r\r\n",
  ])
  func aRequestNeedsOneHost(fields: String) async throws {
    try await expect(
      "GET /healthz HTTP/1.1\r\n\(fields)\r\n", isAnsweredWith: 400, saying: "Host")
  }

  @Test(arguments: ["a", "a.example:8080", "[::1]", "[2001:db8::1]:443", "a_b", "a%2Db", "", "a:"])
  func aWellFormedHostIsNobodysBusiness(host: String) async throws {
    try await TestGateway.run { gateway in
      try await gateway.connect { connection in
        try await connection.send("GET /healthz HTTP/1.1\r\nHost: \(host)\r\n\r\n")
        #expect(try await connection.answer().status == 200)
      }
    }
  }

  @Test(arguments: [
    ("xchunked", 501), ("identity", 501), ("gzip, chunked", 501), ("chunked, gzip", 400),
    ("chunked;a=b", 501), ("chunked, chunked", 400), ("chunked\r\nTransfer-Encoding: chunked", 400),
    ("chunked\r\nContent-Length: 5", 400), ("", 501), (",chunked", 501),
  ])
  func aBodyIsInPlainChunksOrOfKnownLength(coding: String, status: Int) async throws {
    try await expect(
      "POST \(Self.path) HTTP/1.1\r\nHost: a\r\n\(TestGateway.bearerLine)"
        + "Transfer-Encoding: \(coding)\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        + "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", isAnsweredWith: status)
  }

  @Test func oldClientsHaveNoChunks() async throws {
    try await expect(
      "POST \(Self.path) HTTP/1.0\r\n\(TestGateway.bearerLine)Transfer-Encoding: chunked\r\n\r\n"
        + "0\r\n\r\n", isAnsweredWith: 400)
  }

  @Test(arguments: [
    "Content-Length: 1\r\nContent-Length: 2\r\n", "Content-Length: -1\r\n",
    "Content-Length: 1, 1\r\n", "Content-Length: a\r\n", "Content-Length:\r\n",
    "Content-Length: 99999999999999999999\r\n", "X : y\r\n", "X\r\n", "X: a\r\n y\r\n",
  ])
  func fieldsThatAreReadInTwoWaysAreNotRead(fields: String) async throws {
    try await expect(
      "POST \(Self.path) HTTP/1.1\r\nHost: a\r\n\(TestGateway.bearerLine)\(fields)\r\nhello",
      isAnsweredWith: 400)
  }

  @Test(arguments: [
    "X: \(String(repeating: "a", count: EdgeServer.headerListBytesMax))\r\n",
    (0...EdgeServer.headerFieldsMax).map { "X\($0): a\r\n" }.joined(),
  ])
  func aHeadThatIsTooLargeIsToldTheLimits(fields: String) async throws {
    try await expect(
      "GET /healthz HTTP/1.1\r\nHost: a\r\n\(fields)\r\n", isAnsweredWith: 431,
      saying: "\(EdgeServer.headerListBytesMax) bytes")
  }

  @Test(arguments: [
    ("NONSENSE\r\n\r\n", 400), ("GET /healthz\r\n\r\n", 505), ("GET / HTTP/3.0\r\n\r\n", 505),
    ("\u{16}\u{03}\u{01}\u{02}\u{00}\u{01}", 400),
  ])
  func whatIsNotHTTPIsAnsweredToo(text: String, status: Int) async throws {
    try await expect(text, isAnsweredWith: status)
  }

  /// Changed silently, a value would be another at the provider.
  @Test func fieldsThatAreNotUTF8AreRefused() async throws {
    let start = "POST \(Self.path) HTTP/1.1\r\nHost: a\r\n\(TestGateway.bearerLine)X-Name: "
    try await expect(
      Array(start.utf8) + [0x62, 0xE4, 0x72] + Array("\r\n\r\n".utf8), isAnsweredWith: 400,
      saying: "X-Name")
  }

  @Test func fieldsOfUTF8Pass() async throws {
    try await TestGateway.runWithUpstream { gateway, upstream in
      _ = try await gateway.raw(
        "POST \(Self.path) HTTP/1.1\r\nHost: a\r\n\(TestGateway.bearerLine)Connection: close\r\n"
          + "X-Name: b\u{E4}r \u{FF01}\r\n\r\n")
      let name = upstream.requests.first?.headers.first { $0.name.canonicalName == "x-name" }
      #expect(name?.value == "b\u{E4}r \u{FF01}")
    }
  }

  @Test func requestsBeforeAreAnsweredAndThoseBehindAreNot() async throws {
    try await TestGateway.run { gateway in
      try await gateway.connect { connection in
        let get = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
        try await connection.send(get + "GET /healthz HTTP/1.1\r\n\r\n" + get)
        #expect(try await connection.answer().status == 200)
        #expect(try await connection.answer().status == 400)
        #expect(try await connection.rest() == "")
      }
    }
  }

  @Test(arguments: ["POST /api/v1/sessions", "POST \(path)"])
  func aBodyThatBreaksOffIsAnswered(line: String) async throws {
    try await TestGateway.runWithUpstream { gateway, _ in
      try await gateway.connect { connection in
        try await connection.send(
          "\(line) HTTP/1.1\r\nHost: a\r\n\(TestGateway.bearerLine)"
            + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nnot a chunk\r\n")
        let answer = try await connection.answer()
        #expect(answer.status == 400)
        #expect(answer["connection"] == "close")
        #expect(try await connection.rest() == "")
      }
      #expect(gateway.backend.resolvedPurposes.isEmpty)
    }
  }
}
