import Foundation
import LocalDeployment
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

/// What the operator of a running deployment sees.
@Suite struct ObservabilityTests {
  private static let services = ["auth", "vault", "audit", "gateway"]

  @Test(arguments: services)
  func everyServiceShowsMetricsHealthAndSettings(_ service: String) async throws {
    let (stack, _) = try await SharedStack.shared.get()
    #expect(try await Admin.get(service, "/healthz", of: stack).status == 200)
    #expect(try await Admin.get(service, "/readyz", of: stack).status == 200)
    let metrics = try await Admin.get(service, "/metrics", of: stack).text
    #expect(metrics.contains("chatelaine_build_info{service=\"\(service)\""))
    try await checkWithPrometheus(metrics)
    let overview = try await Admin.get(service, "/", of: stack).text
    #expect(overview.contains("\"LISTEN_ADDRESS\":\"127.0.0.1:"))
    // A connection URL and a key, of the services that have them, stay in their files.
    #expect(!overview.contains("postgres://") && !overview.contains("postgresql://"))
    #expect(!overview.contains("PRIVATE KEY"))
  }

  /// Prometheus's own parser and linter.
  private func checkWithPrometheus(_ page: String) async throws {
    let file = FileManager.default.temporaryDirectory
      .appendingPathComponent("metrics-\(UUID().uuidString)").path
    try page.write(toFile: file, atomically: false, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: file) }
    let output = Transcript()
    let process = try await ChildProcess.spawn(
      Command(path: "/bin/sh", arguments: ["-c", "exec promtool check metrics <\"$0\"", file]),
      onOutput: { output.append($0) })
    let exit = await process.exit()
    await output.end(within: .seconds(10))
    #expect(exit == .code(0), "\(output.text)")
    #expect(output.text.isEmpty)
  }

  @Test func whatWasDoneIsCounted() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn()
    _ = try await portal.send(.GET, "/api/v1/no-such-thing/sk-0123456789abcdef")
    let gateway = try await Admin.get("gateway", "/metrics", of: stack).text
    let route = "route=\"/api/v1/sessions\",status=\"2xx\""
    #expect(gateway.contains("http_server_request_duration_seconds_count{\(route)}"))
    #expect(gateway.contains("route=\"-\",status=\"4xx\""))
    #expect(!gateway.contains("no-such-thing"))
    let auth = try await Admin.get("auth", "/metrics", of: stack).text
    for metric in [
      "postgres_connections{state=\"idle\"}", "postgres_waiters 0", "outbox_receipts ",
      "postgres_statement_duration_seconds_count{operation=\"SELECT\",outcome=\"ok\"}",
      "grpc_status=\"OK\"", "tls_certificate_expiry_timestamp_seconds{file=\"authority\"}",
      "event_loop_lag_seconds_count", "process_resident_memory_bytes",
    ] {
      #expect(auth.contains(metric), "\(metric)")
    }
    #expect(auth.contains("metrics_dropped_series_total 0\n"))
  }

  @Test func everythingSaysTheSameVersion() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let (exit, output) = try await RunningStack.runCommand(["--version"])
    #expect(exit == .code(0))
    let version = output.trimmingCharacters(in: .whitespacesAndNewlines)
    #expect(!version.isEmpty && !version.contains(" "))
    for service in Self.services {
      let overview = try await Admin.get(service, "/", of: stack).text
      #expect(overview.contains("\"version\":\"\(version)\""))
      let metrics = try await Admin.get(service, "/metrics", of: stack).text
      #expect(metrics.contains("service=\"\(service)\",version=\"\(version)\""))
      let log = try String(
        contentsOfFile: StateDirectory(stack.stateDirectory).log(of: service), encoding: .utf8)
      #expect(log.contains("\"version\":\"\(version)\""))
    }
  }

  @Test(arguments: services)
  func aProbeNeedsNothingButTheProgram(_ service: String) async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let ready = try await Admin.probe(service, [], of: stack)
    #expect(ready.exit == .code(0))
    #expect(ready.output == "\(service): readiness: serving\n")
    let alive = try await Admin.probe(service, ["liveness"], of: stack)
    #expect(alive.exit == .code(0))
    #expect(alive.output == "\(service): liveness: serving\n")
  }

  @Test func aProbeOfNothingSaysSo() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let wrong = try await Admin.probe("vault", ["beauty"], of: stack)
    #expect(wrong.exit == .code(EX_USAGE))
    let silent = try await Admin.probe("vault", at: "127.0.0.1:1", [])
    #expect(silent.exit == .code(1))
    #expect(silent.output.contains("no answer at 127.0.0.1:1"), "\(silent.output)")
    let unset = try await Admin.probe("vault", at: nil, [])
    #expect(unset.exit == .code(EX_CONFIG))
    #expect(unset.output.contains("HEALTH_LISTEN_ADDRESS"))
  }
}

/// A service's listeners for its operator.
enum Admin {
  private static func endpoint(
    of service: String, in stack: RunningStack
  ) throws -> Endpoints.Service {
    try #require(
      try Endpoints.read(from: StateDirectory(stack.stateDirectory))?.services[service])
  }

  static func get(
    _ service: String, _ path: String, of stack: RunningStack
  ) async throws -> (status: Int, text: String) {
    let address = try #require(try endpoint(of: service, in: stack).adminAddress)
    let answer = try await TestHTTPClient().send(.GET, "http://\(address)\(path)", headers: [:])
    return (
      Int(answer.status.code), String(buffer: try await answer.body.collect(upTo: 4 << 20))
    )
  }

  /// Runs `SERVICE --probe` as an orchestrator does.
  static func probe(
    _ service: String, _ arguments: [String], of stack: RunningStack
  ) async throws -> (exit: ProcessExit?, output: String) {
    try await probe(service, at: try endpoint(of: service, in: stack).healthAddress, arguments)
  }

  static func probe(
    _ service: String, at address: String?, _ arguments: [String]
  ) async throws -> (exit: ProcessExit?, output: String) {
    let output = Transcript()
    let process = try await ChildProcess.spawn(
      Command(
        path: try RunningStack.builtProduct(service), arguments: ["--probe"] + arguments,
        environment: address.map { ["HEALTH_LISTEN_ADDRESS": $0] } ?? [:]),
      onOutput: { output.append($0) })
    let exit = await process.exit()
    await output.end(within: .seconds(10))
    return (exit, output.text)
  }
}
