import LocalDeployment
import NIOCore
import NIOPosix
import Networking
import Synchronization
import TLS
import TestSupport

/// A provider that offers HTTP/2 over TLS and answers with a `:status` of the test's choice, or
/// with raw text when HTTP/1.1 is spoken to it.
final class HostileUpstream: Sendable {
  let port: Int
  let authorities: TrustedAuthorities
  private let channel: any Channel
  private let log: Log

  /// Whether anybody spoke HTTP/2.
  var hasSpokenHTTP2: Bool { log.hasSpokenHTTP2.withLock(\.self) }

  private final class Log: Sendable {
    let hasSpokenHTTP2 = Mutex(false)
  }

  private init(port: Int, authorities: TrustedAuthorities, channel: any Channel, log: Log) {
    (self.port, self.authorities, self.channel, self.log) = (port, authorities, channel, log)
  }

  static func run<Result: Sendable>(
    status: String, text: String, _ body: (HostileUpstream) async throws -> Result
  ) async throws -> Result {
    let certificates = try TestCertificates()
    let paths = try certificates.paths("vault")
    var configuration = TLSConfiguration(
      certificateFile: paths.certificate, privateKeyFile: paths.privateKey,
      certificateAuthorityFile: paths.authority)
    configuration.clientCertificates = .notAsked
    configuration.applicationProtocols = ["h2", "http/1.1"]
    let context = try TLSContext(.server, configuration)
    let log = Log()
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers(
            TLSHandler(
              try TLSConnection(context, expecting: .anyOfAuthority), isClient: false),
            Speaker(log, status: status, text: text))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let upstream = HostileUpstream(
      port: channel.localAddress?.port ?? 0,
      authorities: TrustedAuthorities(includesSystem: false, additionalFile: paths.authority),
      channel: channel, log: log)
    let result: Result
    do {
      result = try await body(upstream)
    } catch {
      try? await channel.close()
      throw error
    }
    try await channel.close()
    withExtendedLifetime(certificates) {}
    return result
  }

  private final class Speaker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    private static let settings: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0]

    private let log: Log
    private let status: [UInt8]
    private let text: String
    private var received: [UInt8] = []

    init(_ log: Log, status: String, text: String) {
      (self.log, self.status, self.text) = (log, Array(status.utf8), text)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      received += unwrapInboundIn(data).readableBytesView
      guard received.starts(with: Self.preface) else {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        return
      }
      log.hasSpokenHTTP2.withLock { $0 = true }
      guard let stream = openedStream else { return }
      // HPACK (RFC 7541, 6.2.2): a literal for name 8 of the static table, which is `:status`.
      let block = [0x08, UInt8(status.count)] + status
      let head: [UInt8] = [0, 0, UInt8(block.count), 1, 0x05] + stream
      context.writeAndFlush(
        wrapOutboundOut(ByteBuffer(bytes: Self.settings + head + block)), promise: nil)
    }

    /// The stream of the first HEADERS frame, as it stands in the frame.
    private var openedStream: [UInt8]? {
      var rest = received.dropFirst(Self.preface.count)
      while rest.count >= 9 {
        let frame = Array(rest.prefix(9))
        if frame[3] == 1 { return Array(frame[5...]) }
        rest = rest.dropFirst(9 + Int(frame[0]) << 16 + Int(frame[1]) << 8 + Int(frame[2]))
      }
      return nil
    }
  }
}
