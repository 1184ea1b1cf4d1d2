import ArgumentParser
import Logging
import NIOCore
import NIOPosix
import RPCInterop
import RPCTransport
import TLS

/// The flags, named as in gRPC's own interoperability clients.
struct ClientOptions: ParsableArguments {
  @Option(name: .customLong("server_host"), help: "Where the server is.")
  var serverHost = "127.0.0.1"
  @Option(name: .customLong("server_port"), help: "Its port.")
  var serverPort: Int
  @Option(name: .customLong("server_host_override"), help: "The name its certificate must carry.")
  var serverHostOverride: String?
  @Option(name: .customLong("test_case"), help: "A case by its name in the descriptions, or 'all'.")
  var testCase = CaseSelection.all
  @Option(name: .customLong("use_tls"), help: "Mutual TLS 1.3; needs --ca, --cert and --key.")
  var useTLS = false
  @Option(help: "PEM file with the authority of server certificates.")
  var ca: String?
  @Option(help: "PEM file with the client's certificate chain.")
  var cert: String?
  @Option(help: "PEM file with the client's private key.")
  var key: String?

  var logger: Logger {
    var logger = Logger(label: "interop-client") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = .warning
    return logger
  }

  func makeEventLoopGroup() -> any EventLoopGroup {
    MultiThreadedEventLoopGroup(numberOfThreads: 1)
  }

  func clientConfiguration() throws -> RPCClientConfiguration {
    guard let name = serverHostOverride else {
      return RPCClientConfiguration(host: serverHost, port: serverPort, tls: try tls())
    }
    var configuration = RPCClientConfiguration(host: name, port: serverPort, tls: try tls())
    configuration.resolver = OverridingResolver(host: serverHost)
    return configuration
  }

  private func tls() throws -> TLSConfiguration? {
    guard useTLS else { return nil }
    guard let ca, let cert, let key else {
      throw ValidationError("--use_tls=true needs --ca, --cert and --key")
    }
    return TLSConfiguration(
      certificateFile: cert, privateKeyFile: key, certificateAuthorityFile: ca)
  }
}

/// What `--test_case` may say.
enum CaseSelection: ExpressibleByArgument {
  case all
  case one(InteropCase)

  init?(argument: String) {
    if argument == "all" {
      self = .all
    } else if let name = InteropCase(rawValue: argument) {
      self = .one(name)
    } else {
      return nil
    }
  }

  var defaultValueDescription: String { "all" }
  static var allValueStrings: [String] { ["all"] + InteropCase.allCases.map(\.rawValue) }

  var names: [InteropCase] {
    switch self {
    case .all: InteropCase.allCases
    case .one(let name): [name]
    }
  }
}
