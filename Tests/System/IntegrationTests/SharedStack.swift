import Foundation
import LocalDeployment
import TestSupport

/// One stack and its upstreams for all suites that don't break things: starting takes seconds.
///
/// They end with the test process: the kernel sends the supervisor SIGTERM then.
actor SharedStack {
  static let shared = SharedStack()

  private struct Running {
    let stack: RunningStack
    let upstream: UpstreamServer
    let standIn: StandInProvider
  }
  /// Of the stand-in; its files are there as long as this.
  private var certificates: TestCertificates?
  private var starting: Task<Running, any Error>?

  /// Of whoever vouches for the stand-in's certificate; nil before it has started.
  var authorityFile: String? { try? certificates?.paths("vault").authority }

  func get() async throws -> (stack: RunningStack, upstream: UpstreamServer) {
    let running = try await running()
    return (running.stack, running.upstream)
  }

  func withStandIn() async throws -> (stack: RunningStack, standIn: StandInProvider) {
    let running = try await running()
    return (running.stack, running.standIn)
  }

  private func running() async throws -> Running {
    if let starting { return try await starting.value }
    let certificates = try TestCertificates()
    self.certificates = certificates
    let certificate = try certificates.paths("vault")
    // Unstructured: it outlives the test that happens to come first.
    let task = Task {
      let upstream = try await UpstreamServer.start()
      let standIn = try await StandInProvider.start(
        rooms: Client.all.map(\.name) + Client.overHTTP2.map(\.roomOverHTTP2) + ["run"],
        certificate: certificate)
      let stack = try await RunningStack.start(environment: [
        "CHATELAINE_UPSTREAM_CA_FILE": certificate.authority,
        "CHATELAINE_ENDPOINT_ALLOWLIST":
          ([upstream.authority] + standIn.authorities).joined(separator: ","),
        "SIGN_UPS_PER_HOUR_PER_CLIENT": "100000",
        "LOG_INS_PER_MINUTE_PER_CLIENT": "100000",
      ])
      return Running(stack: stack, upstream: upstream, standIn: standIn)
    }
    starting = task
    return try await task.value
  }
}
