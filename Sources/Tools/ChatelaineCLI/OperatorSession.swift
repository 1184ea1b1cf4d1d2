import Addresses
import ArgumentParser
import Callers
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

  /// - Parameter command: what is run, e.g. `env import`, as it stands in receipts.
  /// - Throws: `CommandError` saying how to start the deployment when it does not run.
  init(_ state: StateDirectory, command: String) throws {
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
      userAgent: "chatelaine \(command)", requestID: UUID().uuidString.lowercased())
  }

  /// Calls `auth` on nobody's behalf, and says why when that fails.
  ///
  /// - Parameter user: whom the command names, for the message that there is no such account.
  static func callAuth<Answer>(
    _ state: StateDirectory, command: String, user: String = "",
    _ body: (AuthAPI.AuthClient, CallOptions) async throws -> Answer
  ) async throws -> Answer {
    let session = try OperatorSession(state, command: command)
    do {
      let answer = try await body(session.auth, .acting(with: nil, origin: session.origin))
      await session.close()
      return answer
    } catch {
      await session.close()
      guard let error = error as? RPCError else { throw error }
      switch error.code {
      case .notFound: throw CommandError("there is no account \(user)")
      case .unavailable, .deadlineExceeded:
        throw CommandError("auth does not answer: \(error.message)")
      default: throw CommandError(error.message)
      }
    }
  }

  func close() async {
    for client in clients { await client.close() }
  }

  static func notRunning(_ state: StateDirectory) -> CommandError {
    CommandError(
      "nothing runs on \(state.path); start it with: chatelaine up --state-dir \(state.path) "
        + "(or make run)")
  }
}

/// The option that all commands share.
struct StateLocation: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Directory of the deployment's state.",
      discussion: "\(StateDirectory.environmentVariable) in the environment names it too."))
  var stateDir = StateDirectory.pathDefault

  func validate() throws {
    guard !stateDir.isEmpty else { throw ValidationError("--state-dir must not be empty") }
  }

  var state: StateDirectory { StateDirectory(stateDir) }
}
