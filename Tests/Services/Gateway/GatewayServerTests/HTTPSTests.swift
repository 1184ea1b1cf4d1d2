import Foundation
import HTTPTypes
import Hummingbird
import LocalDeployment
import NIOCore
import NIOPosix
import Synchronization
import TLS
import TestSupport
import Testing

@testable import GatewayServer
@testable import HTTP2Trials

/// The gateway with a certificate of its own.
@Suite(.timeLimit(.minutes(3))) struct HTTPSTests {
  private static func script(_ name: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Python/\(name)").path
  }
  private static let largeAnswerBytes = 8 << 20
  private static let pieceBytes = 64 << 10
  private static let eventCount = 50

  /// Says how long the body was; `stream` and `large` ask for other answers.
  private static func answer(to body: String) -> Response {
    switch body {
    case "stream":
      Response(
        status: .ok, headers: [.contentType: "text/event-stream"],
        body: .init { writer in
          for number in 0..<eventCount {
            try await writer.write(ByteBuffer(string: "data: \(number)\n\n"))
          }
          try await writer.finish(nil)
        })
    case "large":
      Response(
        status: .ok, headers: [.contentType: "application/octet-stream"],
        body: .init { writer in
          for _ in 0..<largeAnswerBytes / pieceBytes {
            try await writer.write(ByteBuffer(repeating: 7, count: pieceBytes))
          }
          try await writer.finish(nil)
        })
    default:
      Response(
        status: .ok, headers: [.contentType: "application/json"],
        body: .init(byteBuffer: ByteBuffer(string: #"{"bytes":\#(body.utf8.count)}"#)))
    }
  }

  private static func configuration(_ paths: CertificatePaths) -> TLSConfiguration {
    TLSConfiguration(
      webCertificateFile: paths.certificate, privateKeyFile: paths.privateKey,
      applicationProtocols: ["h2", "http/1.1"])
  }

  /// Runs a script against a gateway with a provider, `lab`, behind it; `arguments` are for a port.
  private static func run(
    _ name: String, trusting proxies: [String] = [], tls: TLSConfiguration? = nil,
    _ arguments: @escaping @Sendable (_ port: String) -> [String]
  ) async throws {
    let upstreams = Mutex<TestUpstream?>(nil)
    try await TestUpstream.run { _ in
      answer(to: upstreams.withLock { $0?.requests.last?.body } ?? "")
    } _: { upstream in
      upstreams.withLock { $0 = upstream }
      try await TestGateway.run(
        allowing: ["127.0.0.1:\(upstream.port)"], trusting: proxies,
        configure: { $0.portalTLS = tls }
      ) { gateway in
        gateway.backend.store(
          provider: "custom", label: "lab", key: "upstream-key",
          baseURL: "http://127.0.0.1:\(upstream.port)/v1")
        let port = String(gateway.address.split(separator: ":").last ?? "")
        let (exit, output) = try await Python.run(script(name), arguments(port))
        #expect(exit == .code(0), "\(output)")
        #expect(output.contains("all hold"), "\(output)")
      }
    }
  }

  @Test func clientsOfTheWebSpeakHTTP2AndHTTP1() async throws {
    let certificates = try TestCertificates()
    let paths = try certificates.paths("vault")
    try await Self.run("over_https.py", tls: Self.configuration(paths)) { port in
      ["https://127.0.0.1:\(port)", paths.authority, FakeBackend.accessToken]
    }
  }

  /// grpcio, with what the gateway's reflection tells it.
  @Test func gRPCPassesThrough() async throws {
    let certificates = try TestCertificates()
    let paths = try certificates.paths("vault")
    try await Self.run("over_grpc.py", tls: Self.configuration(paths)) { port in
      ["127.0.0.1:\(port)", paths.authority, FakeBackend.accessToken]
    }
  }

  /// With the configuration that docs/reverse-proxies.md shows.
  @Test(arguments: ["behind_nginx.py", "behind_caddy.py"])
  func allOfItPassesThroughReverseProxies(script: String) async throws {
    let certificates = try TestCertificates()
    let paths = try certificates.paths("vault")
    let page = URL(filePath: #filePath).appending(path: "../../../../../docs/reverse-proxies.md")
    try await Self.run(script, trusting: ["127.0.0.1/32"]) { port in
      [
        page.standardized.path, port, paths.certificate, paths.privateKey, paths.authority,
        FakeBackend.accessToken,
      ]
    }
  }

  /// The suite that the services' own port passes, as far as frames come together: a request may be
  /// answered before its end, and what comes later on its stream is nobody's.
  @Test func theRulesOfHTTP2Hold() async throws {
    let certificates = try TestCertificates()
    let paths = try certificates.paths("vault")
    let tls = try TLSContext(
      .client,
      TLSConfiguration(
        certificateFile: paths.certificate, privateKeyFile: paths.privateKey,
        certificateAuthorityFile: paths.authority))
    try await TestGateway.run(configure: { $0.portalTLS = Self.configuration(paths) }) { gateway in
      let port = try #require(Int(gateway.address.split(separator: ":").last ?? ""))
      for rule in Rule.all {
        for tls in [nil, tls] {
          do {
            let connection = try await HTTP2Trials.RawConnection.open(
              port: port, tls: tls, on: MultiThreadedEventLoopGroup.singleton)
            try await Trial(connection: connection, delivery: .together).run(rule)
            await connection.close()
          } catch {
            Issue.record("\(rule) (TLS: \(tls != nil)): \(error)")
          }
        }
      }
    }
  }
}
