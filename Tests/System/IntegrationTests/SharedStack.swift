import Foundation
import TestSupport

/// One stack and one upstream for all suites that don't break things: starting takes seconds.
///
/// It ends with the test process: the kernel sends the supervisor SIGTERM then.
actor SharedStack {
  static let shared = SharedStack()
  private var starting: Task<(RunningStack, UpstreamServer), any Error>?

  func get() async throws -> (stack: RunningStack, upstream: UpstreamServer) {
    if let starting { return try await starting.value }
    // Unstructured: it outlives the test that happens to come first.
    let task = Task {
      let upstream = try await UpstreamServer.start()
      let stack = try await RunningStack.start(environment: [
        "CHATELAINE_ENDPOINT_ALLOWLIST": upstream.authority,
        "SIGN_UPS_PER_HOUR_PER_CLIENT": "100000",
        "LOG_INS_PER_MINUTE_PER_CLIENT": "100000",
      ])
      return (stack, upstream)
    }
    starting = task
    return try await task.value
  }
}
