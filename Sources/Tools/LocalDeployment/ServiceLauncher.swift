import Foundation
import Synchronization

/// Starts one service process and waits until it serves.
struct ServiceLauncher: Sendable {
  static let pollInterval: Duration = .milliseconds(20)
  /// How long to wait for the last output of a service that has ended.
  static let outputPatience: Duration = .seconds(2)

  /// A service that serves.
  struct Running: Sendable {
    let child: ChildProcess
    /// Where it listens, as it wrote it.
    let listeners: Listeners
    let since: ContinuousClock.Instant

    var address: String { listeners.address }
    var port: Int? { address.split(separator: ":").last.flatMap { Int($0) } }
  }

  /// What a ready file says: `host:port`, then a line `name host:port` for each other listener.
  struct Listeners: Sendable, Equatable {
    let address: String
    /// By name: `admin`, `health`.
    let others: [String: String]

    /// Nil for a file that says nothing.
    init?(_ text: String) {
      let lines = text.split(separator: "\n")
      guard let address = lines.first else { return nil }
      self.address = String(address)
      let pairs = lines.dropFirst().map { $0.split(separator: " ", maxSplits: 1).map(String.init) }
      others = Dictionary(
        pairs.filter { $0.count == 2 }.map { ($0[0], $0[1]) }, uniquingKeysWith: { _, last in last }
      )
    }
  }

  /// Why a service did not come up.
  struct Failure: Error {
    let service: ServiceName
    let reason: String
    let output: String

    /// Somebody took the port between its choice and its use.
    var isAddressInUse: Bool {
      let output = output.lowercased()
      return output.contains("address already in use") || output.contains("eaddrinuse")
    }

    var deploymentError: DeploymentError {
      .notReady(name: service.rawValue, reason: reason + (output.isEmpty ? "" : "\n" + output))
    }
  }

  let state: StateDirectory
  /// Directory of the services' executables.
  let binaries: String
  let startTimeout: Duration
  let separation: Separation
  let report: @Sendable (String) -> Void

  /// - Parameter started: receives the process before it is ready, so that it can be stopped.
  func launch(
    _ service: ServiceName, environment: [String: String],
    started: (ChildProcess) async -> Void
  ) async throws -> Running {
    let readyFile = state.readyFile(of: service.rawValue)
    unlink(readyFile)
    let path = "\(binaries)/\(service.rawValue)"
    guard access(path, X_OK) == 0 else {
      throw DeploymentError.file(path: path, reason: "is missing; build the services first")
    }
    let logPath = state.log(of: service.rawValue)
    let log = try LogFile(path: logPath)
    let watch = LogWatch(service: service.rawValue, path: logPath, report: report)
    let tail = OutputTail()
    let directory = ServiceDirectory(
      service: service, state: state, account: separation.account(of: service))
    var command = Command(path: path, environment: environment, workingDirectory: directory.path)
    command.account = directory.account
    if separation != .none {
      command.fileRules = FileRules.ofService(
        program: path, directory: directory, environment: environment)
    }
    let child = try await ChildProcess.spawn(command) { chunk in
      guard let chunk else {
        tail.close()
        return watch.finish()
      }
      log.append(chunk)
      tail.append(chunk)
      watch.observe(chunk)
    }
    await started(child)
    let listeners = try await waitUntilReady(child, service, readyFile: readyFile, tail: tail)
    return Running(child: child, listeners: listeners, since: .now)
  }

  /// The ready file is polled: the wait is short, and inotify would need a descriptor per start.
  private func waitUntilReady(
    _ child: ChildProcess, _ service: ServiceName, readyFile: String, tail: OutputTail
  ) async throws -> Listeners {
    let deadline = ContinuousClock.now + startTimeout
    while true {
      if let listeners = try SecretFile.readLine(readyFile).flatMap(Listeners.init) {
        return listeners
      }
      if let exit = child.exitIfEnded {
        // What it said last may still be in the pipe, which a child of its own could hold open.
        let patience = ContinuousClock.now + Self.outputPatience
        while !tail.isClosed, .now < patience { try await Task.sleep(for: Self.pollInterval) }
        throw Failure(service: service, reason: "it ended with \(exit)", output: tail.text)
      }
      guard ContinuousClock.now < deadline else {
        child.signal(SIGKILL)
        throw Failure(
          service: service, reason: "it did not answer within \(startTimeout)", output: tail.text)
      }
      try await Task.sleep(for: Self.pollInterval)
    }
  }
}
