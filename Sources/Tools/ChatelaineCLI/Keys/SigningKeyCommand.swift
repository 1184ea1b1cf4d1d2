import Addresses
import ArgumentParser
import Cryptography
import Foundation
import Identity
import LocalDeployment
import Logging
import NIOPosix
import RPC
import RPCTransport
import ServiceAPI
import TLS

extension KeysCommand {
  /// `chatelaine keys rotate-signing`.
  struct RotateSigning: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "rotate-signing",
      abstract: "Replace the key by which services know who a call is made for.",
      discussion: """
        Makes a key, has every service take what it signs, has auth sign with it, and takes the \
        former key away when nothing that it signed is valid any more. No request is refused \
        meanwhile; run it again when it was cut off. Nobody has to log in anew.
        """)

    @OptionGroup var location: KeyLocation

    @Option(help: "host:port of auth, with --secrets-dir.")
    var auth = "auth:8443"

    @Option(help: "host:port of audit, with --secrets-dir.")
    var audit = "audit:8443"

    @Flag(
      help: """
        Take the former key away at once, because it was stolen; what it has signed is signed anew.
        """)
    var dropFormer = false

    func run() async throws {
      let session = try SigningKeySession(location, auth: auth, audit: audit)
      do {
        try await session.rotate(dropFormer: dropFormer)
      } catch {
        await session.close()
        throw error
      }
      await session.close()
    }
  }
}

/// The signing keys' files and the services that use them, with the operator's certificate.
private struct SigningKeySession {
  /// How long services may take to notice a changed file; Kubernetes takes a minute to bring it.
  private static let noticeTimeout: Duration = .seconds(180)
  private static let noticeInterval: Duration = .milliseconds(250)
  /// A minute for which an assertion is valid, half of one by which clocks differ, and some more.
  private static let overlap: Duration = .seconds(95)

  private let file: SigningKeyFiles
  private let clients: [String: RPCClient]

  init(_ location: KeyLocation, auth: String, audit: String) throws {
    let certificate: CertificatePaths
    var addresses = ["auth": auth, "vault": location.vault, "audit": audit]
    let name = ServiceName.operatorCertificate
    if let secretsDir = location.secretsDir {
      let layout = SecretsLayout(secretsDir)
      (file, certificate) = (SigningKeyFiles(layout), layout.certificatePaths(of: name))
    } else {
      let state = StateDirectory(location.stateDir ?? StateDirectory.pathDefault)
      guard let running = try Endpoints.read(from: state)?.services else {
        throw OperatorSession.notRunning(state)
      }
      for service in addresses.keys { addresses[service] = running[service]?.address ?? "" }
      (file, certificate) = (SigningKeyFiles(state), state.certificatePaths(of: name))
    }
    clients = try addresses.reduce(into: [:]) { clients, service in
      guard let address = NetworkAddress(service.value) else {
        throw CommandError("--\(service.key) must be host:port")
      }
      clients[service.key] = RPCClient(
        RPCClientConfiguration(
          host: address.host, port: address.port,
          tls: TLSConfiguration(
            certificateFile: certificate.certificate, privateKeyFile: certificate.privateKey,
            certificateAuthorityFile: certificate.authority),
          serverIdentity: PeerIdentity.of(service.key)),
        eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
        logger: Logger(label: "chatelaine") { _ in SwiftLogNoOpLogHandler() })
    }
  }

  func close() async {
    for client in clients.values { await client.close() }
  }

  /// The new key goes behind those that are there, until every service takes it; only then it
  /// signs.
  /// One that was cut off is completed by the next, with yet another key.
  func rotate(dropFormer: Bool) async throws {
    let former = try file.read()
    guard former.count < Ed25519.SigningKey.countMax else {
      throw CommandError("\(file.path) holds \(former.count) keys; remove those at the end")
    }
    let new = try Ed25519.SigningKey.generate()
    let id = new.verifyingKey.keyID
    Terminal.print("new signing key: \(id)")
    try file.publish(former + [new])
    try file.write(former + [new])
    for service in clients.keys.sorted() {
      try await wait(for: service, to: "take the new key") { $0.contains(id) }
    }
    try file.write([new] + former)
    try await wait(for: "auth", to: "sign with the new key") { $0.first == id }
    Terminal.print("auth signs with \(id)")
    if !dropFormer {
      Terminal.print("for \(Self.overlap) what the former key has signed stays valid")
      try await Task.sleep(for: Self.overlap)
    }
    // Nobody signs with it any more; so who verifies may forget it first.
    try file.publish([new])
    try file.write([new])
    for service in clients.keys.sorted() {
      try await wait(for: service, to: "let the former key go") { $0 == [id] }
    }
    let names = former.map(\.verifyingKey.keyID).joined(separator: ", ")
    Terminal.print("retired \(names)")
  }

  private func wait(
    for service: String, to what: String, _ condition: ([String]) -> Bool
  ) async throws {
    guard let client = clients[service] else { return }
    let keys = IdentityAPI.AssertionKeysClient(channel: client)
    let end = ContinuousClock.now + Self.noticeTimeout
    while true {
      let answer = try await keys.listAssertionKeys(
        .init(), options: CallOptions(timeout: .seconds(20), waitForReady: true))
      if condition(answer.keyIds) { return }
      guard .now < end else {
        throw CommandError(
          "\(service) did not \(what) within \(Self.noticeTimeout): give it the files of "
            + "\(file.path), or see in its log why it refuses them; then run this again")
      }
      try await Task.sleep(for: Self.noticeInterval)
    }
  }
}
