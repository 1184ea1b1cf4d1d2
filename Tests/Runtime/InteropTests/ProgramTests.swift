import Foundation
import LocalDeployment
import TestSupport
import Testing

/// The flags and exit codes of both programs.
@Suite struct ProgramTests {
  private let certificates: TestCertificates

  init() throws {
    certificates = try TestCertificates()
  }

  @Test func aCaseThatFailsIsNamedAndEndsTheClientWithAnError() async throws {
    let server = try Command.built("interop-server", ["--max_message_bytes=1000"])
    _ = try await ListeningProcess.run(server) { server in
      let (output, exit) = try await client(server.port, "--test_case=large_unary")
      #expect(output.hasPrefix("FAIL large_unary: "), "\(output)")
      #expect(output.contains("resourceExhausted"), "\(output)")
      #expect(exit == .code(1))
      let small = try await client(server.port, "--test_case=empty_unary")
      #expect(small.output == "ok   empty_unary\n")
      #expect(small.exit == .code(0))
    }
  }

  @Test func soakFlagsSetWhatIsSent() async throws {
    _ = try await ListeningProcess.run(
      .built("interop-server", ["--max_message_bytes=1000"])
    ) { server in
      let (output, exit) = try await client(
        server.port, "--test_case=rpc_soak", "--soak_iterations=50", "--soak_num_threads=5",
        "--soak_request_size=900", "--soak_response_size=2000")
      #expect(output == "ok   rpc_soak\n")
      #expect(exit == .code(0))
    }
  }

  @Test(arguments: [("localhost", true), ("elsewhere.example", false)])
  func theCertificateMustCarryTheOverridingName(_ name: String, _ isRight: Bool) async throws {
    let paths = try certificates.paths("vault")
    let files = [
      "--use_tls=true", "--ca=\(paths.authority)", "--cert=\(paths.certificate)",
      "--key=\(paths.privateKey)",
    ]
    _ = try await ListeningProcess.run(.built("interop-server", files)) { server in
      let (output, _) = try await Command.built(
        "interop-client",
        ["--server_port=\(server.port)", "--server_host_override=\(name)"]
          + ["--test_case=empty_unary"] + files
      ).outcome()
      #expect(output.hasPrefix(isRight ? "ok   " : "FAIL "), "\(output)")
    }
  }

  @Test(arguments: [
    ["--test_case=no_such_case", "--server_port=1"], ["--test_case=all"],
    ["--server_port=1", "--use_tls=true"],
  ])
  func aCommandLineThatMakesNoSenseIsRefused(_ arguments: [String]) async throws {
    let (_, exit) = try await Command.built("interop-client", arguments).outcome()
    #expect(exit == .code(64))
  }

  /// Containers and ordinary users have none; as root they must be given up first.
  @Test func bothWorkWithoutCapabilities() async throws {
    _ = try await ListeningProcess.run(
      try Command.built("interop-server", []).withoutCapabilities()
    ) { server in
      let status = try String(contentsOfFile: "/proc/\(server.id)/status", encoding: .utf8)
      #expect(status.contains("CapEff:\t0000000000000000\n"), "\(status)")
      let (output, exit) = try await Command.built(
        "interop-client", ["--server_port=\(server.port)", "--test_case=large_unary"]
      ).withoutCapabilities().outcome()
      #expect(output == "ok   large_unary\n")
      #expect(exit == .code(0))
    }
  }

  private func client(
    _ port: Int, _ arguments: String...
  ) async throws -> (output: String, exit: ProcessExit?) {
    try await Command.built("interop-client", ["--server_port=\(port)"] + arguments).outcome()
  }
}
