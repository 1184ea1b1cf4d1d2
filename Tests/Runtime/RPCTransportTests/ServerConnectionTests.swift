import Logging
import NIOCore
import NIOEmbedded
import RPC
import Testing

@testable import HTTP2
@testable import RPCTransport

/// A server's connection whose channel is memory, and the client at its other end.
private final class Wired {
  private let channel = EmbeddedChannel()
  private let client: HTTP2Session
  let connection: ServerConnection
  private(set) var heard: [HTTP2Event] = []

  init() throws {
    let configuration = RPCServerConfiguration(host: "", port: 0, tls: nil)
    connection = ServerConnection(
      channel,
      shared: ServerShared(
        configuration, router: Router(services: [TestService.echo], interceptors: []),
        credentials: nil, logger: .silent))
    client = try HTTP2Session(.client, HTTP2Limits())
    try channel.pipeline.syncOperations.addHandler(connection)
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    try exchange()
  }

  var isOpen: Bool { channel.isActive }

  /// Carries bytes both ways until neither side has any.
  func exchange() throws {
    while true {
      try client.drain()
      let out = client.output
      client.output.clear()
      if out.readableBytes > 0 { try channel.writeInbound(out) }
      channel.embeddedEventLoop.run()
      var hasRead = false
      while let bytes = try channel.readOutbound(as: ByteBuffer.self) {
        hasRead = true
        try client.receive(bytes)
        while let event = client.nextEvent() { heard.append(event) }
      }
      guard hasRead || out.readableBytes > 0 else { return }
    }
  }

  func send(_ bytes: [UInt8]) throws {
    if channel.isActive { try channel.writeInbound(ByteBuffer(bytes: bytes)) }
  }

  func ping() throws {
    client.ping(1)
    try exchange()
  }

  func pass(_ time: TimeAmount) throws {
    channel.embeddedEventLoop.advanceTime(by: time)
    try exchange()
  }

  var goAwayCodes: [UInt32] {
    heard.compactMap { if case .goAway(_, let code, _) = $0 { code.rawValue } else { nil } }
  }
}

@Suite struct ServerConnectionTests {
  @Test func aDrainOfAnIdleConnectionSaysGoodByeAndCloses() throws {
    let wired = try Wired()
    wired.connection.drain()
    try wired.exchange()
    #expect(wired.goAwayCodes == [0])
    #expect(wired.connection.isClosing)
    try wired.pass(ConnectionChannel.closeTimeout)
    #expect(!wired.isOpen)
  }

  @Test func pingsWithoutTrafficAreCut() throws {
    let wired = try Wired()
    for _ in 0..<4 where !wired.connection.isClosing { try wired.ping() }
    #expect(Set(wired.goAwayCodes) == [11])
    #expect(wired.connection.isClosing)
  }

  @Test func whatIsNotHTTP2EndsTheConnection() throws {
    let wired = try Wired()
    // A frame of 16 MiB.
    try wired.send([0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 1])
    try wired.pass(ConnectionChannel.closeTimeout)
    #expect(!wired.isOpen)
  }
}
