package import Logging
import RPCServices
import ServiceLifecycle
import Synchronization

/// What must hold for a service to be given work, looked at again and again: whoever asks gets what
/// was found last, so that asking often costs the checked parts nothing.
package final class Readiness: Sendable {
  /// The name under which `grpc.health.v1` tells it; the empty name stands for the process, which
  /// lives as long as it answers.
  package static let serviceName = "readiness"
  /// Between two looks.
  static let interval: Duration = .seconds(2)
  /// How long one look may take.
  package static let checkTimeout: Duration = .seconds(2)

  /// Throws what keeps the service from its work; its description is for the operator.
  package typealias Check = @Sendable () async throws -> Void

  /// What is worth to be told, and no reason to be given no more work; nil when nothing is.
  package typealias Remark = @Sendable () -> String?

  /// What a check found last.
  struct Finding: Sendable {
    let name: String
    /// Nil when nothing is wrong.
    let problem: String?
  }

  private struct State {
    var checks: [(name: String, check: Check)] = []
    var remarks: [(name: String, remark: Remark)] = []
    var problems: [String: String] = [:]
    var hasLooked = false
    var isDraining = false
    /// Who is to be told, and under which names.
    var listeners: [(health: HealthService, names: [String])] = []

    var isReady: Bool { hasLooked && problems.isEmpty && !isDraining }
  }

  private let logger: Logger
  private let state = Mutex(State())

  package init(logger: Logger) {
    self.logger = logger
  }

  /// Adds what must hold, before the service runs; `name` is for the operator.
  package func require(_ name: String, _ check: @escaping Check) {
    state.withLock { $0.checks.append((name, check)) }
  }

  /// Adds what is shown beside the checks.
  package func remark(_ name: String, _ remark: @escaping Remark) {
    state.withLock { $0.remarks.append((name, remark)) }
  }

  /// Keeps the statuses of `names` as it finds things.
  func tell(_ health: HealthService, as names: [String]) {
    let isReady = state.withLock { state in
      state.listeners.append((health, names))
      return state.isReady
    }
    for name in names { health.setStatus(isReady ? .serving : .notServing, for: name) }
  }

  /// Whether everything held the last time, and the service is not about to stop.
  var isReady: Bool { state.withLock(\.isReady) }

  /// In the order of the checks, the remarks behind them.
  var findings: [Finding] {
    let remarks = state.withLock(\.remarks).map { Finding(name: $0.name, problem: $0.remark()) }
    return checked + remarks
  }

  /// What the checks found.
  var checked: [Finding] {
    state.withLock { state in
      state.checks.map { name, _ in
        Finding(
          name: name,
          problem: state.hasLooked ? state.problems[name] : "it was not looked at yet")
      }
    }
  }

  /// The service takes no more work, whatever the checks say.
  func beginGracefulShutdown() {
    change { $0.isDraining = true }
  }

  /// Looks at everything once.
  package func look() async {
    let checks = state.withLock(\.checks)
    let problems = await withTaskGroup(of: (String, String?).self) { group in
      for (name, check) in checks {
        group.addTask {
          do {
            try await check()
            return (name, nil)
          } catch {
            return (name, "\(error)")
          }
        }
      }
      return await group.reduce(into: [String: String]()) { $0[$1.0] = $1.1 }
    }
    guard !Task.isCancelled else { return }
    let before = state.withLock(\.problems)
    change { state in
      state.problems = problems
      state.hasLooked = true
    }
    for (name, problem) in problems where before[name] == nil {
      logger.warning("not ready", metadata: ["check": "\(name)", "problem": "\(problem)"])
    }
    for name in before.keys where problems[name] == nil {
      logger.notice("ready again", metadata: ["check": "\(name)"])
    }
  }

  private func change(_ body: (inout State) -> Void) {
    let (isReady, wasReady, listeners) = state.withLock { state in
      let wasReady = state.isReady
      body(&state)
      return (state.isReady, wasReady, state.listeners)
    }
    guard isReady != wasReady else { return }
    for (health, names) in listeners {
      for name in names { health.setStatus(isReady ? .serving : .notServing, for: name) }
    }
  }
}

extension Readiness: Service {
  /// Looks until told to stop.
  package func run() async throws {
    try? await cancelWhenGracefulShutdown {
      while true {
        try await Task.sleep(for: Self.interval)
        await self.look()
      }
    }
  }
}
