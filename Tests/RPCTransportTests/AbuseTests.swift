import HTTP2
import NIOCore
import NIOPosix
import RPC
import RPCTransport
import Testing

/// Floods that HTTP/2 makes cheap for the sender; each must end with the connection.
@Suite struct AbuseTests {
  private static let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
  /// More frames than any budget here; the server must have closed before they are all sent.
  private static let frames = 40_000

  private enum Kind: UInt8 {
    case headers = 1
    case reset = 3
    case settings = 4
    case ping = 6
    case windowUpdate = 8
    case continuation = 9
  }

  private static func frame(
    _ kind: Kind, flags: UInt8 = 0, stream: UInt32, _ payload: [UInt8] = []
  ) -> [UInt8] {
    var frame = ByteBuffer()
    frame.writeInteger(UInt8(payload.count >> 16))
    frame.writeInteger(UInt16(payload.count & 0xFFFF))
    frame.writeInteger(kind.rawValue)
    frame.writeInteger(flags)
    frame.writeInteger(stream)
    frame.writeBytes(payload)
    return Array(buffer: frame)
  }

  /// POST /test.Service/Echo as HPACK literals without indexing.
  private static let requestBlock: [UInt8] = {
    let fields = [
      (":method", "POST"), (":scheme", "http"), (":path", "/test.Service/Echo"),
      ("te", "trailers"), ("content-type", "application/grpc"),
    ]
    var block: [UInt8] = []
    for (name, value) in fields {
      block.append(0)
      block.append(UInt8(name.utf8.count))
      block.append(contentsOf: name.utf8)
      block.append(UInt8(value.utf8.count))
      block.append(contentsOf: value.utf8)
    }
    return block
  }()

  /// Sends `attack` again and again and waits for the server to hang up; meanwhile and afterwards
  /// another client is served.
  private func survives(
    _ attack: (_ index: UInt32) -> [UInt8]
  ) async throws {
    let server = try await TestServer()
    let client = server.client()
    #expect(try await client.call("Echo", "before") == "before")
    let channel = try await ClientBootstrap(group: TestServer.group)
      .connect(host: "127.0.0.1", port: server.port).get()
    var bytes = ByteBuffer(string: Self.preface)
    bytes.writeBytes(Self.frame(.settings, stream: 0))
    for index in 0..<UInt32(Self.frames) {
      bytes.writeBytes(attack(index))
    }
    channel.writeAndFlush(bytes, promise: nil)
    try await channel.closeFuture.get()
    #expect(try await client.call("Echo", "after") == "after")
    await client.close()
    await server.stop()
  }

  @Test func rapidResetsEndTheConnection() async throws {
    try await survives { index in
      Self.frame(.headers, flags: 0x4, stream: 2 * index + 1, Self.requestBlock)
        + Self.frame(.reset, stream: 2 * index + 1, [0, 0, 0, 8])
    }
  }

  /// CVE-2025-8671, "MadeYouReset": a WINDOW_UPDATE too large makes the server reset the stream.
  @Test func resetsThatTheServerIsMadeToSendEndTheConnection() async throws {
    try await survives { index in
      Self.frame(.headers, flags: 0x4, stream: 2 * index + 1, Self.requestBlock)
        + Self.frame(.windowUpdate, stream: 2 * index + 1, [0x7F, 0xFF, 0xFF, 0xFF])
    }
  }

  @Test func endlessContinuationsEndTheConnection() async throws {
    try await survives { index in
      index == 0
        ? Self.frame(.headers, stream: 1, Self.requestBlock)
        : Self.frame(.continuation, stream: 1)
    }
  }

  @Test func requestsOnAStreamThatIsOverEndTheConnection() async throws {
    try await survives { index in
      Self.frame(
        .headers, flags: 0x5, stream: index % 2 == 0 ? 2 * index + 1 : 1, Self.requestBlock)
    }
  }
}
