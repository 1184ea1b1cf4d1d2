import HTTPTypes
import Hummingbird
import NIOCore
import Testing

@testable import GatewayServer

/// HTTP/1.0 has no chunks: an answer of unknown length ends with the connection, and a connection
/// goes on only where the client asks for it.
@Suite(.timeLimit(.minutes(1))) struct HTTP10Tests {
  private static let path = "/proxy/custom/lab/v1/chat/completions"
  private static let keepAlive = "Connection: keep-alive\r\n"

  private static let stream: TestUpstream.Answer = { _ in
    Response(
      status: .ok, headers: [.contentType: "text/event-stream"],
      body: ResponseBody { writer in
        for piece in 1...3 { try await writer.write(ByteBuffer(string: "data: \(piece)\n\n")) }
        try await writer.finish(nil)
      })
  }

  @Test(arguments: ["", keepAlive])
  func aStreamEndsWithTheConnection(fields: String) async throws {
    try await TestGateway.runWithUpstream(answer: Self.stream) { gateway, _ in
      try await gateway.connect { connection in
        try await connection.send(
          "GET \(Self.path) HTTP/1.0\r\n\(TestGateway.bearerLine)\(fields)\r\n")
        let answer = try await connection.answer()
        #expect(answer.version == "HTTP/1.0")
        #expect(answer["transfer-encoding"] == nil)
        #expect(answer["connection"] == "close")
        #expect(answer.body == "data: 1\n\ndata: 2\n\ndata: 3\n\n")
      }
    }
  }

  @Test func anAnswerOfKnownLengthKeepsTheConnectionForWhoeverAsks() async throws {
    try await TestGateway.run { gateway in
      try await gateway.connect { connection in
        for _ in 0..<2 {
          try await connection.send("GET /healthz HTTP/1.0\r\n\(Self.keepAlive)\r\n")
          let answer = try await connection.answer()
          #expect(answer.status == 200)
          #expect(answer["connection"] == "keep-alive")
        }
        try await connection.send("GET /healthz HTTP/1.0\r\n\r\n")
        let answer = try await connection.answer()
        #expect(answer["connection"] == "close")
        #expect(try await connection.rest() == "")
      }
    }
  }

  @Test func laterClientsGetChunks() async throws {
    try await TestGateway.runWithUpstream(answer: Self.stream) { gateway, _ in
      try await gateway.connect { connection in
        try await connection.send(
          "GET \(Self.path) HTTP/1.1\r\nHost: a\r\n\(TestGateway.bearerLine)\r\n")
        let answer = try await connection.answer()
        #expect(answer.version == "HTTP/1.1")
        #expect(answer["transfer-encoding"] == "chunked")
        #expect(answer.body == "data: 1\n\ndata: 2\n\ndata: 3\n\n")
      }
    }
  }

  /// A connection that ends is said to end, and what comes behind is not answered.
  @Test(arguments: ["close", "Close", "keep-alive, CLOSE"])
  func whoeverAsksForTheEndGetsIt(option: String) async throws {
    try await TestGateway.run { gateway in
      try await gateway.connect { connection in
        let get = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: \(option)\r\n\r\n"
        try await connection.send(get + get)
        let answer = try await connection.answer()
        #expect(answer.status == 200)
        #expect(answer["connection"] == "close")
        #expect(try await connection.rest() == "")
      }
    }
  }

  @Test(arguments: ["GET", "POST"])
  func anAnswerToHEADIsAHeadAlone(verb: String) async throws {
    try await TestGateway.runWithUpstream(answer: Self.stream) { gateway, _ in
      try await gateway.connect { connection in
        try await connection.send(
          "HEAD \(Self.path) HTTP/1.1\r\nHost: a\r\n\(TestGateway.bearerLine)\r\n"
            + "\(verb) /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try await connection.answer(toHEAD: true).status == 200)
        #expect(try await connection.answer().status == (verb == "GET" ? 200 : 405))
      }
    }
  }
}
