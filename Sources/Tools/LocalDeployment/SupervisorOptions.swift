import Foundation
package import Pacing

/// What `chatelaine up` is told.
package struct SupervisorOptions: Sendable {
  package static let gatewayPortDefault = 8_080

  package var state: StateDirectory
  /// 0 lets the kernel choose.
  package var gatewayPort: Int
  /// Directory of the executables `auth`, `vault`, `audit` and `gateway`.
  package var binaries: String
  /// The operator's environment; see `ServiceEnvironment` for what of it reaches the services.
  package var environment: [String: String]
  /// Variables with provider keys of the operator's own, which only the vault is given.
  package var operatorKeys: Set<String> = []
  package var durability: PostgresCluster.Durability = .full
  /// How long a service may take from its start until it serves.
  package var startTimeout: Duration = .seconds(60)
  /// How long the portal may take to reach its services once all of them run.
  package var readyTimeout: Duration = .seconds(20)
  /// A service that ran this long and ended with status 0 is started again without a pause.
  package var steadyAfter: Duration = .seconds(1)
  /// Nil leaves a service alone that no longer answers: for whoever stops processes on purpose.
  package var healthWatch: HealthWatch.Patience? = HealthWatch.Patience()
  /// What keeps the services apart; programs that are no services may need more than these.
  package var separation = Separation.current
  /// How often certificates are looked at; one with less than a third of its life left is issued
  /// anew, and running services take it into use by themselves.
  package var certificateInterval: Duration = .seconds(86_400)
  /// How long a service may take to finish what it has begun before it is killed.
  package var drainTimeout: Duration = .seconds(20)

  package init(
    state: StateDirectory, gatewayPort: Int = SupervisorOptions.gatewayPortDefault,
    binaries: String, environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    self.state = state
    self.gatewayPort = gatewayPort
    self.binaries = binaries
    self.environment = environment
  }

  /// Where mails end; nil when the operator has named a mail server.
  package var mailDirectory: String? {
    let environment = ServiceEnvironment(inherited: environment)
    guard environment.usesMailDirectory else { return nil }
    return environment.inheritedMailDirectory ?? state.mailDirectory
  }

  /// The directory of the running executable, beside which the build puts the services.
  package static func ownDirectory() throws -> String {
    let path = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return URL(fileURLWithPath: path).deletingLastPathComponent().path
  }
}

/// How long to wait before a crashed service is started again: from the beginning once it has run
/// for a while.
package struct RestartBackoff: Sendable {
  package static let waits = Backoff.doubling(from: .milliseconds(200), to: .seconds(30))
  /// A service that ran this long has recovered.
  package static let healthyAfter: Duration = .seconds(60)

  private var failureCount = 0

  package init() {}

  package mutating func next(afterRunning time: Duration) -> Duration {
    if time >= Self.healthyAfter { failureCount = 0 }
    failureCount += 1
    return Self.waits.wait(afterFailures: failureCount)
  }
}
