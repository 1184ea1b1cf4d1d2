import Foundation
import LocalDeployment
import Logging
import NIOCore
import RPC
import RPCTransport
import Synchronization
import TLS
import TestSupport
import Testing

/// Remembers what is logged, and lets a test wait for it.
private final class LogRecorder: Sendable {
  private struct State {
    var lines: [(level: Logger.Level, message: String)] = []
    var waiters: [(message: String, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private struct Handler: LogHandler {
    let recorder: LogRecorder
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      recorder.append(event.level, event.message.description)
    }
  }

  private let state = Mutex(State())

  var logger: Logger {
    Logger(label: "test") { _ in Handler(recorder: self) }
  }

  func count(_ level: Logger.Level) -> Int {
    state.withLock { state in state.lines.count { $0.level == level } }
  }

  private func append(_ level: Logger.Level, _ message: String) {
    let woken = state.withLock { state in
      state.lines.append((level, message))
      let woken = state.waiters.filter { $0.message == message }
      state.waiters.removeAll { $0.message == message }
      return woken
    }
    for waiter in woken { waiter.continuation.resume() }
  }

  func wait(for message: String) async {
    await withCheckedContinuation { continuation in
      let isThere = state.withLock { state in
        if state.lines.contains(where: { $0.message == message }) { return true }
        state.waiters.append((message, continuation))
        return false
      }
      if isThere { continuation.resume() }
    }
  }
}

@Suite(.timeLimit(.minutes(1))) struct CertificateReloadTests {
  private static let accepted = "new certificates are in use"
  private static let refused = "changed certificate files can't be used; the old ones stay in use"

  private let certificates: TestCertificates

  init() throws {
    certificates = try TestCertificates()
  }

  private func copy(_ source: String, over target: String) throws {
    try Data(contentsOf: URL(fileURLWithPath: source))
      .write(to: URL(fileURLWithPath: target), options: .atomic)
  }

  private func client(
    _ server: TestServer, _ paths: CertificatePaths, expecting identity: String
  ) -> RPCClient {
    server.client(tls: paths, identity: identity) { $0.connectionCountMax = 1 }
  }

  /// What a call on a connection of its own ends with.
  private func outcome(
    _ server: TestServer, _ paths: CertificatePaths, expecting identity: String
  ) async -> RPCError? {
    let client = client(server, paths, expecting: identity)
    let error = await failure { () async throws(RPCError) in try await client.call("Echo") }
    await client.close()
    return error
  }

  @Test func newConnectionsOfAServerShowTheNewCertificateAndOldOnesGoOn() async throws {
    let started = Signal()
    let release = Signal()
    let log = LogRecorder()
    let paths = try certificates.paths("vault")
    let gateway = try certificates.paths("gateway")
    let service = TestService(handlers: [
      "Echo": { request, _ in request },
      "Slow": { request, _ in
        await started.raise()
        await release.wait()
        return request
      },
    ])
    let server = try await TestServer(service, tls: paths, logger: log.logger) {
      $0.certificateCheckInterval = .milliseconds(5)
    }
    let (old, new) = ("spiffe://chatelaine/vault", "spiffe://chatelaine/audit")
    let oldClient = client(server, gateway, expecting: old)
    async let slow = oldClient.call("Slow", "still here")
    await started.wait()
    #expect(await outcome(server, gateway, expecting: new)?.code == .unavailable)

    _ = try certificates.paths(.misnamed(service: "vault", as: "audit"))
    await log.wait(for: Self.accepted)
    #expect(await outcome(server, gateway, expecting: new) == nil)
    #expect(await outcome(server, gateway, expecting: old)?.code == .unavailable)
    // The connection from before does not notice.
    #expect(try await oldClient.call("Echo", "more") == "more")
    await release.raise()
    #expect(try await slow == "still here")
    await oldClient.close()
    await server.stop()
  }

  @Test func aServerAcceptsAnAuthorityThatWasAdded() async throws {
    let others = try TestCertificates()
    defer { withExtendedLifetime(others) {} }
    let log = LogRecorder()
    let paths = try certificates.paths("vault")
    let stranger = try others.paths("gateway")
    let mixed = CertificatePaths(
      certificate: stranger.certificate, privateKey: stranger.privateKey,
      authority: try certificates.paths("gateway").authority)
    // The server's own copy, so that the client goes on trusting the old authority only.
    let trusted = certificates.directory + "/trusted.pem"
    try copy(paths.authority, over: trusted)
    let server = try await TestServer(
      tls: CertificatePaths(
        certificate: paths.certificate, privateKey: paths.privateKey, authority: trusted),
      logger: log.logger
    ) { $0.certificateCheckInterval = .milliseconds(5) }
    let identity = "spiffe://chatelaine/vault"
    #expect(await outcome(server, mixed, expecting: identity)?.code == .unavailable)
    try copy(stranger.authority, over: trusted)
    await log.wait(for: Self.accepted)
    #expect(await outcome(server, mixed, expecting: identity) == nil)
    await server.stop()
  }

  @Test func aClientShowsItsNewCertificateOnNewConnections() async throws {
    let log = LogRecorder()
    let paths = try certificates.paths("gateway")
    let service = TestService(handlers: [
      "Who": { _, context in ByteBuffer(string: context.peer.identities.joined()) }
    ])
    let server = try await TestServer(service, tls: certificates.paths("vault"))
    var configuration = RPCClientConfiguration(
      host: "127.0.0.1", port: server.port, tls: TLSConfiguration(paths),
      serverIdentity: "spiffe://chatelaine/vault")
    configuration.certificateCheckInterval = .milliseconds(5)
    configuration.connectionCountMax = 1
    let client = RPCClient(configuration, eventLoopGroup: TestServer.group, logger: log.logger)
    #expect(try await client.call("Who") == "spiffe://chatelaine/gateway")
    _ = try certificates.paths(.misnamed(service: "gateway", as: "auth"))
    await log.wait(for: Self.accepted)
    #expect(try await client.call("Who") == "spiffe://chatelaine/gateway")
    await server.stop()
    let restarted = try await TestServer(
      service, tls: certificates.paths("vault"), port: server.port)
    let options = CallOptions(timeout: .seconds(20), waitForReady: true)
    var answer: String?
    while answer == nil { answer = try? await client.call("Who", options: options) }
    #expect(answer == "spiffe://chatelaine/auth")
    await client.close()
    await restarted.stop()
  }

  @Test func brokenFilesChangeNothingAndAreReportedOnce() throws {
    let log = LogRecorder()
    let paths = try certificates.paths("vault")
    let credentials = try TLSCredentials(.server, TLSConfiguration(paths))
    let watcher = CertificateWatcher(credentials, logger: log.logger)
    let old = credentials.current
    watcher.check()
    #expect(credentials.current === old)

    // Half written, then the certificate of another key, then no file at all.
    let whole = try Data(contentsOf: URL(fileURLWithPath: paths.certificate))
    try whole.prefix(100).write(to: URL(fileURLWithPath: paths.certificate))
    for _ in 0..<3 { watcher.check() }
    #expect(log.count(.warning) == 1)
    try copy(certificates.paths("audit").certificate, over: paths.certificate)
    for _ in 0..<3 { watcher.check() }
    #expect(log.count(.warning) == 2)
    try FileManager.default.removeItem(atPath: paths.certificate)
    for _ in 0..<3 { watcher.check() }
    #expect(log.count(.warning) == 3)
    #expect(credentials.current === old)
    #expect(log.count(.info) == 0)

    try whole.write(to: URL(fileURLWithPath: paths.certificate))
    for _ in 0..<3 { watcher.check() }
    #expect(credentials.current !== old)
    #expect(log.count(.info) == 1)
  }

  @Test func aLinkThatLeadsElsewhereIsAChange() throws {
    // As Kubernetes mounts secrets: the files are links into a directory that is itself a link.
    let log = LogRecorder()
    let paths = try certificates.paths("vault")
    let root = certificates.directory
    for version in ["first", "second"] {
      try FileManager.default.createDirectory(
        atPath: "\(root)/\(version)", withIntermediateDirectories: false)
      let issued = try certificates.paths("vault")
      try copy(issued.certificate, over: "\(root)/\(version)/vault.pem")
      try copy(issued.privateKey, over: "\(root)/\(version)/vault.key")
    }
    try FileManager.default.createSymbolicLink(
      atPath: "\(root)/current", withDestinationPath: "first")
    let credentials = try TLSCredentials(
      .server,
      TLSConfiguration(
        certificateFile: "\(root)/current/vault.pem", privateKeyFile: "\(root)/current/vault.key",
        certificateAuthorityFile: paths.authority))
    let watcher = CertificateWatcher(credentials, logger: log.logger)
    watcher.check()
    #expect(log.count(.info) == 0)
    let old = credentials.current
    try FileManager.default.createSymbolicLink(
      atPath: "\(root)/next", withDestinationPath: "second")
    #expect(rename("\(root)/next", "\(root)/current") == 0)
    watcher.check()
    #expect(credentials.current !== old)
    #expect(log.count(.info) == 1)
  }
}
