import Addresses
import ArgumentParser
import Foundation
import Identity
import LocalDeployment
import Logging
import NIOPosix
import RPC
import RPCTransport
import ServiceAPI
import TLS

/// Calls to the services of a running deployment with the operator's certificate.
struct OperatorSession: Sendable {
  let auth: AuthAPI.AuthClient
  let vault: VaultAPI.VaultClient
  /// The portal's address, for the next step that a message names.
  let portal: String
  /// Stands in the receipts of everything this command does.
  let origin: CallOrigin
  private let clients: [RPCClient]

  /// - Throws: `CommandError` saying how to start the deployment when it does not run.
  init(_ state: StateDirectory) throws {
    guard let endpoints = try Endpoints.read(from: state) else {
      throw Self.notRunning(state)
    }
    let paths = state.certificatePaths(of: ServiceName.operatorCertificate)
    let tls = TLSConfiguration(
      certificateFile: paths.certificate, privateKeyFile: paths.privateKey,
      certificateAuthorityFile: paths.authority)
    // A command's own log would only repeat what it prints.
    let logger = Logger(label: "chatelaine") { _ in SwiftLogNoOpLogHandler() }
    func client(_ service: ServiceName, _ identity: String) throws -> RPCClient {
      guard let text = endpoints.services[service.rawValue]?.address,
        let address = NetworkAddress(text)
      else { throw Self.notRunning(state) }
      return RPCClient(
        RPCClientConfiguration(
          host: address.host, port: address.port, tls: tls, serverIdentity: identity),
        eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
    }
    portal =
      endpoints.services[ServiceName.gateway.rawValue].map { "http://\($0.address)" }
      ?? "the portal"
    let authClient = try client(.auth, PeerIdentity.auth)
    let vaultClient = try client(.vault, PeerIdentity.vault)
    auth = AuthAPI.AuthClient(channel: authClient)
    vault = VaultAPI.VaultClient(channel: vaultClient)
    clients = [authClient, vaultClient]
    origin = CallOrigin(
      userAgent: "chatelaine env import", requestID: UUID().uuidString.lowercased())
  }

  func close() async {
    for client in clients { await client.close() }
  }

  private static func notRunning(_ state: StateDirectory) -> CommandError {
    CommandError(
      "nothing runs on \(state.path); start it with: chatelaine up --state-dir \(state.path) "
        + "(or make run)")
  }
}

/// The option that all commands share.
struct StateLocation: ParsableArguments {
  @Option(help: "Directory of the deployment's state.")
  var stateDir = StateDirectory.pathDefault

  func validate() throws {
    guard !stateDir.isEmpty else { throw ValidationError("--state-dir must not be empty") }
  }

  var state: StateDirectory { StateDirectory(stateDir) }
}
