import Addresses
import LocalDeployment
import Logging
import NIOCore
import NIOEmbedded
import TLS
import TestSupport
import Testing

@testable import Edge

@Suite struct ConnectionOpeningTests {
  typealias FirstBytes = ConnectionOpening.FirstBytes

  @Test(arguments: [
    ("G", FirstBytes.http1), ("\u{16}", .tls), ("\u{16}\u{3}\u{1}", .tls),
    ("PRI * HTTP/2.0", .http2),
    ("PRI ", .http2), ("PUT /", .http1), ("PRO", .http1), ("\r\n", .http1), ("\u{0}", .http1),
  ])
  func theFirstBytesSayWhatIsSpoken(_ text: String, _ expected: FirstBytes) {
    #expect(FirstBytes(ByteBuffer(string: text).readableBytesView) == expected)
  }

  @Test(arguments: ["", "P", "PR", "PRI"])
  func tooFewBytesSayNothing(_ text: String) {
    #expect(FirstBytes(ByteBuffer(string: text).readableBytesView) == nil)
  }

  /// Where there is a certificate, who comes over a network in the clear learns why it fails.
  @Test(arguments: [
    ("192.0.2.1", true), ("2001:db8::1", true), ("127.0.0.1", false), ("::1", false),
    ("::ffff:127.0.0.5", false), ("10.1.2.3", false), ("11.1.2.3", true),
  ])
  func onlyThisMachineAndTrustedProxiesComeInTheClear(
    _ address: String, _ isRefused: Bool
  ) throws {
    let certificates = try TestCertificates()
    let paths = try certificates.paths("vault")
    let credentials = try TLSCredentials(
      .server,
      TLSConfiguration(
        webCertificateFile: paths.certificate, privateKeyFile: paths.privateKey,
        applicationProtocols: EdgeServer.applicationProtocols))
    let proxies = TrustedProxies([AddressBlock("10.0.0.0/8")].compactMap(\.self))
    let answers = try ServerStreamTests.answers {}
    let channel = EmbeddedChannel()
    channel.remoteAddress = try SocketAddress(ipAddress: address, port: 4_711)
    try EdgeConnections(
      edge: answers, timeouts: ClientTimeouts(), credentials: credentials,
      trustedProxies: proxies, isStopping: { false }
    ).add(to: channel)
    channel.pipeline.fireChannelActive()
    // Not a whole request: nothing is answered but a refusal.
    try channel.writeInbound(ByteBuffer(string: "GET / HTTP/1.1\r\n"))
    let sent = try channel.readOutbound(as: ByteBuffer.self).map { String(buffer: $0) } ?? ""
    #expect(sent.contains("This port speaks HTTPS") == isRefused)
    _ = try? channel.finish()
  }
}
