import HTTP2
import NIOCore
import NIOPosix
import RPC
import RPCTransport
import Testing

/// What a server answers to requests that no gRPC client would make.
@Suite struct HTTPAnswerTests {
  private func answer(
    _ overriding: [(String, String?)], body: ByteBuffer? = nil, ends: Bool = true,
    configure: (inout RPCServerConfiguration) -> Void = { _ in }
  ) async throws -> RawClient.Response {
    let server = try await TestServer(configure: configure)
    let response = try await RawClient.request(
      port: server.port, overriding, body: body, ends: ends)
    await server.stop()
    return response
  }

  /// A message in its envelope, with a prefix that may lie.
  private func envelope(_ flags: UInt8, _ count: UInt32, _ text: String) -> ByteBuffer {
    var buffer = ByteBuffer()
    buffer.writeInteger(flags)
    buffer.writeInteger(count)
    buffer.writeString(text)
    return buffer
  }

  @Test func aPlainGetIsToldToPost() async throws {
    let response = try await answer([
      (":method", "GET"), (":path", "/"), ("te", nil), ("content-type", nil),
    ])
    #expect(response.header[":status"] == "405")
    #expect(response.header["allow"] == "POST")
    #expect(response.resetCode == nil)
  }

  @Test func anotherContentTypeIsUnsupported() async throws {
    let json = try await answer([("content-type", "application/json")])
    #expect(json.header[":status"] == "415")
    let prefix = try await answer([("content-type", "application/grpcx")])
    #expect(prefix.header[":status"] == "415")
  }

  @Test(arguments: ["application/grpc+proto", "application/grpc;charset=utf-8"])
  func aContentTypeMayNameItsFormat(_ type: String) async throws {
    let response = try await answer([("content-type", type)], body: envelope(0, 2, "hi"))
    #expect(response.header[":status"] == "200")
    #expect(response.trailer?["grpc-status"] == "0")
  }

  @Test func aRequestWithoutTrailersSupportIsRefused() async throws {
    #expect(try await answer([("te", nil)]).header[":status"] == "400")
  }

  @Test func giantHeaderFieldsAreRefused() async throws {
    let response = try await answer(
      [("big", String(repeating: "x", count: 4000))], configure: { $0.headerListBytesMax = 2000 })
    #expect(response.header[":status"] == "431")
  }

  @Test func anAnswerBeforeTheEndOfTheRequestStopsTheRequest() async throws {
    let response = try await answer([(":path", "/no.Service/No")], ends: false)
    #expect(response.header["grpc-status"] == "12")
    #expect(response.resetCode == nil)
  }

  @Test func aPathIsComparedAsAWhole() async throws {
    for path in ["/test.Service/Ech", "/test.Service/Echo/", "/test.Service/Echo?x=1", "/"] {
      #expect(try await answer([(":path", path)]).header["grpc-status"] == "12")
    }
  }

  @Test func aMessageThatLiesAboutItsLengthIsAnError() async throws {
    let short = try await answer([], body: envelope(0, 10, "short"))
    #expect(short.header["grpc-status"] == "13")
    let huge = try await answer([], body: envelope(0, .max, "x"), ends: false)
    #expect(huge.header["grpc-status"] == "8")
    let two = try await answer([], body: envelope(0, 1, "ab"))
    #expect(two.header["grpc-status"] == "12")
    let none = try await answer([])
    #expect(none.header["grpc-status"] == "13")
  }

  @Test func compressionThatWasNotAgreedOnIsRefused() async throws {
    let flagged = try await answer([], body: envelope(1, 2, "hi"))
    #expect(flagged.header["grpc-status"] == "13")
    let named = try await answer([("grpc-encoding", "br")], body: envelope(1, 2, "hi"))
    #expect(named.header["grpc-status"] == "12")
    #expect(named.header["grpc-accept-encoding"] == "identity,gzip")
  }

  @Test(arguments: ["", "1", "m", "-1m", "123456789m", "1x", "1 m"])
  func aMalformedTimeoutIsAnError(_ timeout: String) async throws {
    #expect(try await answer([("grpc-timeout", timeout)]).header["grpc-status"] == "13")
  }

  @Test func aZeroTimeoutHasPassed() async throws {
    let response = try await answer([("grpc-timeout", "0n")], body: envelope(0, 0, ""))
    #expect(response.header["grpc-status"] == "4")
  }

  @Test func brokenBase64InMetadataIsAnError() async throws {
    let response = try await answer([("x-bin", "?!")], body: envelope(0, 0, ""))
    #expect(response.header["grpc-status"] == "13")
  }

  @Test func bytesThatAreNotHTTP2EndTheConnection() async throws {
    let server = try await TestServer()
    let channel = try await ClientBootstrap(group: TestServer.group)
      .connect(host: "127.0.0.1", port: server.port).get()
    try await channel.writeAndFlush(ByteBuffer(string: "GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
    try await channel.closeFuture.get()
    await server.stop()
  }

  @Test func aConnectionThatSaysNothingIsClosed() async throws {
    let server = try await TestServer(configure: { $0.handshakeTimeout = .milliseconds(20) })
    let channel = try await ClientBootstrap(group: TestServer.group)
      .connect(host: "127.0.0.1", port: server.port).get()
    try await channel.closeFuture.get()
    await server.stop()
  }

  @Test func oneConnectionTooManyWaitsUntilAnotherEnds() async throws {
    let server = try await TestServer(configure: { $0.connectionCountMax = 1 })
    let client = server.client { $0.connectionCountMax = 1 }
    #expect(try await client.call("Echo", "first") == "first")
    let next = server.client { $0.connectionCountMax = 1 }
    let waiting = Task { () throws(RPCError) in try await next.call("Echo", "next") }
    #expect(try await client.call("Echo", "second") == "second")
    await client.close()
    #expect(try await waiting.value == "next")
    await next.close()
    await server.stop()
  }
}
