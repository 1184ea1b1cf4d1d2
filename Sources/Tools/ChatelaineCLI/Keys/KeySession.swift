import Addresses
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

/// A key file, and the vault that uses it, with the operator's certificate.
struct KeySession: Sendable {
  /// How long the running vaults may take to notice a changed file: much longer than they do, since
  /// Kubernetes takes a minute to bring it to them.
  static let noticeTimeout: Duration = .seconds(180)
  private static let noticeInterval: Duration = .milliseconds(250)

  let file: KeyringFile
  let keys: VaultAPI.KeyManagementClient
  private let client: RPCClient

  /// - Throws: `CommandError` when no deployment runs there.
  init(_ location: KeyLocation) throws {
    let certificate: CertificatePaths
    let address: NetworkAddress
    if let secretsDir = location.secretsDir {
      let layout = SecretsLayout(secretsDir)
      guard let vault = NetworkAddress(location.vault) else {
        throw CommandError("--vault must be host:port")
      }
      (file, certificate) = (
        KeyringFile(layout), layout.certificatePaths(of: ServiceName.operatorCertificate)
      )
      address = vault
    } else {
      let state = StateDirectory(location.stateDir ?? StateDirectory.pathDefault)
      guard
        let text = try Endpoints.read(from: state)?.services[ServiceName.vault.rawValue]?.address,
        let vault = NetworkAddress(text)
      else { throw OperatorSession.notRunning(state) }
      (file, certificate) = (
        KeyringFile(state), state.certificatePaths(of: ServiceName.operatorCertificate)
      )
      address = vault
    }
    client = RPCClient(
      RPCClientConfiguration(
        host: address.host, port: address.port,
        tls: TLSConfiguration(
          certificateFile: certificate.certificate, privateKeyFile: certificate.privateKey,
          certificateAuthorityFile: certificate.authority),
        serverIdentity: PeerIdentity.vault),
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
      logger: Logger(label: "chatelaine") { _ in SwiftLogNoOpLogHandler() })
    keys = VaultAPI.KeyManagementClient(channel: client)
  }

  func close() async { await client.close() }

  func status() async throws -> VaultAPI.KeyStatus {
    try await keys.getKeyStatus(
      .init(), options: CallOptions(timeout: .seconds(20), waitForReady: true))
  }

  /// Waits until every running vault has keys that satisfy `condition`, the current one first.
  func waitForVaults(
    to what: String, _ condition: ([String]) -> Bool
  ) async throws {
    let end = ContinuousClock.now + Self.noticeTimeout
    while true {
      let holders = try await status().holders
      let left = holders.filter { !condition($0.keyIds) }
      if left.isEmpty, !holders.isEmpty { return }
      guard .now < end else {
        throw CommandError(
          "\(left.count) of \(holders.count) running vaults did not \(what) within "
            + "\(Self.noticeTimeout): give them \(file.path), or see in their logs why they refuse "
            + "it; then: chatelaine keys resume")
      }
      try await Task.sleep(for: Self.noticeInterval)
    }
  }

  /// Takes all keys but the current one out of the file.
  func retire(exportingTo export: String?) async throws {
    let ring = try file.read()
    guard let current = ring.first, ring.count > 1 else {
      throw CommandError("there is no former master key in \(file.path)")
    }
    let former = Array(ring.dropFirst())
    let status = try await status()
    if let rotation = status.rotation, rotation.endTime == nil {
      throw CommandError("a rotation is under way; finish it first: chatelaine keys resume")
    }
    for use in status.uses where use.keyId != current.identifier && use.dataKeys > 0 {
      throw CommandError(
        "\(use.dataKeys) data keys still need master key \(use.keyId): chatelaine keys rotate, or, "
          + "where they don't open, have their users enter their keys again")
    }
    if let export { try KeyringFile.create(export, holding: former) }
    try file.write([current])
    try await waitForVaults(to: "let the former keys go") { $0 == [current.identifier] }
    let names = former.map(\.identifier).joined(separator: ", ")
    Terminal.print(
      export.map { "retired \(names); what backups need is in \($0)" }
        ?? "retired and destroyed \(names); backups from before the rotation don't open any more")
  }
}
