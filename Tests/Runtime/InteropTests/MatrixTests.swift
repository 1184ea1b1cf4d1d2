import LocalDeployment
import RPCInterop
import TestSupport
import Testing

/// Every case of gRPC's interop descriptions, between our programs and grpcio in both directions.
@Suite struct MatrixTests {
  /// Whose client calls whose server, over what.
  struct Pair: Sendable, CustomTestStringConvertible {
    enum Implementation: String, Sendable {
      case ours
      case grpcio
    }

    let client: Implementation
    let server: Implementation
    let isSecure: Bool

    static let all = [false, true].flatMap { isSecure in
      [
        Pair(client: .ours, server: .ours, isSecure: isSecure),
        Pair(client: .ours, server: .grpcio, isSecure: isSecure),
        Pair(client: .grpcio, server: .ours, isSecure: isSecure),
      ]
    }

    var testDescription: String {
      "\(client.rawValue) calls \(server.rawValue) over \(isSecure ? "TLS" : "h2c")"
    }
  }

  private let certificates: TestCertificates

  init() throws {
    certificates = try TestCertificates()
  }

  @Test(arguments: Pair.all)
  func everyCaseHolds(_ pair: Pair) async throws {
    let server = try serverCommand(pair)
    let (printed, _) = try await ListeningProcess.run(server) { server in
      let (output, _) = try await clientCommand(pair, port: server.port).outcome()
      let lines = output.split(separator: "\n").map(String.init)
      #expect(lines.filter { !$0.hasPrefix("ok   ") } == [])
      let missing = InteropCase.allCases.filter { !lines.contains("ok   \($0.rawValue)") }
      #expect(missing == [], "\(output)")
    }
    #expect(printed.split(separator: "\n").count == 1, "\(printed)")
  }

  // Both ways of spelling a flag are used here.
  private func serverCommand(_ pair: Pair) throws -> Command {
    let paths = try certificates.paths("vault")
    let files = [paths.authority, paths.certificate, paths.privateKey]
    switch (pair.server, pair.isSecure) {
    case (.grpcio, let isSecure):
      return .script("serve_testing.py", isSecure ? files : [])
    case (.ours, false):
      return try .built("interop-server", ["--port=0", "--use_tls=false"])
    case (.ours, true):
      let flags = zip(["--ca", "--cert", "--key"], files).flatMap { [$0, $1] }
      return try .built("interop-server", ["--port", "0", "--use_tls", "true"] + flags)
    }
  }

  private func clientCommand(_ pair: Pair, port: Int) throws -> Command {
    let paths = try certificates.paths("gateway")
    let files = [paths.authority, paths.certificate, paths.privateKey]
    switch (pair.client, pair.isSecure) {
    case (.grpcio, let isSecure):
      return .script("run_cases.py", ["\(port)"] + (isSecure ? files : []))
    case (.ours, false):
      return try .built(
        "interop-client",
        ["--server_host=127.0.0.1", "--server_port=\(port)", "--test_case=all", "--use_tls=false"])
    case (.ours, true):
      let flags = zip(["--ca", "--cert", "--key"], files).flatMap { [$0, $1] }
      return try .built(
        "interop-client", ["--server_port", "\(port)", "--use_tls", "true"] + flags)
    }
  }
}
