import CLinux
import Foundation
import Synchronization
import Threads

/// A running child process: signalled safely, awaited by any number of callers.
///
/// A thread per child forks it, waits for it and reaps it. The parent-death signal belongs to the
/// forking *thread*, so that thread must live exactly as long as the child; a pool thread would
/// not.
package final class ChildProcess: Sendable {
  package let id: Int32
  package let name: String

  private struct State {
    var exit: ProcessExit?
    var nextWaiter = 0
    var waiters: [Int: CheckedContinuation<ProcessExit?, Never>] = [:]
  }
  private let state = Mutex(State())

  private init(id: Int32, name: String) {
    self.id = id
    self.name = name
  }

  /// Where a child's standard input comes from and where its output goes, for one that is part of a
  /// pipeline. The child gets copies; closing what is named here stays the caller's.
  struct Streams: Sendable {
    var input: Descriptor?
    /// Nil: standard output goes where standard error goes.
    var output: Descriptor?
  }

  /// Starts `command`; `onOutput` receives its standard output and error from a thread of its own,
  /// and nil once both are closed.
  ///
  /// - Parameter input: what the child reads on standard input, at most 64 KiB.
  /// - Throws: `DeploymentError.programFailed` when the program cannot be executed.
  package static func spawn(
    _ command: Command, input: [UInt8] = [],
    onOutput: @escaping @Sendable ([UInt8]?) -> Void = { _ in }
  ) async throws -> ChildProcess {
    let streams = Streams(input: input.isEmpty ? nil : try Pipe.filled(with: input))
    return try await spawn(command, streams: streams, onOutput: onOutput)
  }

  /// Starts `command` on streams of the caller's; `onOutput` receives the rest of what it prints.
  static func spawn(
    _ command: Command, streams: Streams,
    onOutput: @escaping @Sendable ([UInt8]?) -> Void
  ) async throws -> ChildProcess {
    try await withCheckedThrowingContinuation { continuation in
      let isStarted = OwnThread.start {
        let child: ChildProcess
        do {
          child = try launch(command, streams: streams, onOutput: onOutput)
        } catch {
          continuation.resume(throwing: error)
          return
        }
        continuation.resume(returning: child)
        child.reap()
      }
      if !isStarted { continuation.resume(throwing: noThread(for: command)) }
    }
  }

  private static func noThread(for command: Command) -> DeploymentError {
    .environment("no thread to watch \(command.name) on")
  }

  /// Nil while the process runs.
  package var exitIfEnded: ProcessExit? { state.withLock { $0.exit } }

  /// Sends a signal; does nothing once the process has ended, so never to a recycled id.
  package func signal(_ number: Int32) {
    state.withLock { if $0.exit == nil { _ = kill(id, number) } }
  }

  /// Waits until the process has ended; nil when `timeout` passed or the task was cancelled first.
  package func exit(within timeout: Duration? = nil) async -> ProcessExit? {
    let waiter = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    var timer: Task<Void, Never>?
    defer { timer?.cancel() }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let exit = state.withLock { state -> ProcessExit? in
          if state.exit == nil { state.waiters[waiter] = continuation }
          return state.exit
        }
        if let exit { return continuation.resume(returning: exit) }
        if Task.isCancelled { resume(waiter) }
        guard let timeout else { return }
        // Unstructured: a task group could not end before the process does.
        timer = Task {
          try? await Task.sleep(for: timeout)
          self.resume(waiter)
        }
      }
    } onCancel: {
      resume(waiter)
    }
  }

  private func resume(_ waiter: Int) {
    state.withLock { $0.waiters.removeValue(forKey: waiter) }?.resume(returning: nil)
  }

  private func reap() {
    var information = siginfo_t()
    // WNOWAIT leaves a zombie, which keeps the id ours until `exit` is set under the lock.
    while waitid(P_PID, UInt32(bitPattern: id), &information, WEXITED | WNOWAIT) != 0,
      errno == EINTR
    {}
    let (exit, waiters) = state.withLock { state in
      var status: Int32 = 0
      while waitpid(id, &status, 0) < 0, errno == EINTR {}
      let signal = status & 0x7f
      let exit = signal == 0 ? ProcessExit.code((status >> 8) & 0xff) : .signal(signal)
      state.exit = exit
      defer { state.waiters = [:] }
      return (exit, state.waiters.values.map { $0 })
    }
    for waiter in waiters { waiter.resume(returning: exit) }
  }
}

extension ChildProcess {
  private static func launch(
    _ command: Command, streams: Streams, onOutput: @escaping @Sendable ([UInt8]?) -> Void
  ) throws -> ChildProcess {
    defer { withExtendedLifetime(streams) {} }
    let output = try Pipe.make()
    defer { output.write.close() }

    var options = clinux_spawn_options()
    options.standard_input = streams.input?.number ?? -1
    options.standard_output = (streams.output ?? output.write).number
    options.standard_error = output.write.number
    options.new_process_group = command.inNewProcessGroup
    options.parent_death_signal = command.parentDeathSignal
    options.ruleset = try command.fileRules?.descriptor() ?? -1
    defer { if options.ruleset >= 0 { close(options.ruleset) } }
    let account = command.account.flatMap { $0.isSwitched ? $0 : nil }
    options.executable = account == nil ? -1 : open(command.path, O_RDONLY | O_CLOEXEC)
    defer { if options.executable >= 0 { close(options.executable) } }

    let id = withAccount(account, &options) { options in
      spawn(command, &options)
    }
    guard id > 0 else {
      let reason = String(cString: strerror(errno))
      throw DeploymentError.programFailed(name: command.path, exit: reason, output: "")
    }
    guard OwnThread.start({ Pipe.drain(output.read, into: onOutput) }) else {
      kill(id, SIGKILL)
      throw noThread(for: command)
    }
    return ChildProcess(id: id, name: command.name)
  }

  /// Has `options` name the account while `body` runs.
  private static func withAccount<Result>(
    _ account: ServiceAccount?, _ options: inout clinux_spawn_options,
    _ body: (inout clinux_spawn_options) -> Result
  ) -> Result {
    guard let account else { return body(&options) }
    return account.groups.withUnsafeBufferPointer { groups in
      let rights = clinux_account(
        user: account.userID, group: account.groupID, groups: groups.baseAddress,
        group_count: groups.count)
      return withUnsafePointer(to: rights) { rights in
        options.account = rights
        defer { options.account = nil }
        return body(&options)
      }
    }
  }

  private static func spawn(_ command: Command, _ options: inout clinux_spawn_options) -> pid_t {
    withCStrings([command.path] + command.arguments) { arguments in
      withCStrings(command.environment.map { "\($0.key)=\($0.value)" }) { environment in
        command.path.withCString { path in
          options.path = path
          options.arguments = arguments
          options.environment = environment
          guard let directory = command.workingDirectory else { return clinux_spawn(&options) }
          return directory.withCString { directory in
            options.working_directory = directory
            return clinux_spawn(&options)
          }
        }
      }
    }
  }

  /// Calls `body` with a null-terminated array of C strings that lives during the call.
  private static func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>?) -> Result
  ) -> Result {
    var pointers = strings.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    pointers.append(nil)
    return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
  }
}
