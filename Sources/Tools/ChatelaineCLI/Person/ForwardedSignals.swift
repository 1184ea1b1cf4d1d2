import Foundation

/// A program that could not be started, with the status that shells have for it.
struct ProgramNotStarted: Error, CustomStringConvertible {
  let description: String
  let status: Int32
}

/// Signals that end a program or mean something to it, passed on to a program that runs in the
/// place of this one.
///
/// They are held back on this thread, and so on those that it starts, and taken one by one.
struct ForwardedSignals {
  private static let numbers = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2]
  /// `si_code` of what the terminal sends (SI_KERNEL), which the program gets from it as well.
  private static let fromKernel: Int32 = 0x80
  private static let statusNotFound: Int32 = 127
  private static let statusNotExecutable: Int32 = 126
  /// What shells add to the number of the signal that has ended a program.
  private static let signalStatusBase: Int32 = 128

  private var held = sigset_t()
  private var usual = sigset_t()

  /// Has them wait from now on.
  static func hold() -> ForwardedSignals {
    var signals = ForwardedSignals()
    sigemptyset(&signals.held)
    for number in numbers + [SIGCHLD] { sigaddset(&signals.held, number) }
    // Where it is ignored, nobody learns how a child ended.
    signal(SIGCHLD, SIG_DFL)
    pthread_sigmask(SIG_BLOCK, &signals.held, &signals.usual)
    return signals
  }

  /// The status with which to end because of a signal that came while there was no program to pass
  /// it on to; nil when none did.
  func statusOfPending() -> Int32? {
    var held = held
    sigdelset(&held, SIGCHLD)
    var atOnce = timespec()
    let number = sigtimedwait(&held, nil, &atOnce)
    return number > 0 ? Self.signalStatusBase + number : nil
  }

  /// Runs a program to its end, with this process's files, directory and group.
  ///
  /// - Returns: the status with which to end.
  /// - Throws: `ProgramNotStarted`.
  func run(_ command: [String], environment: [String: String]) throws -> Int32 {
    let program = try start(command, environment)
    var held = held
    while true {
      var information = siginfo_t()
      let number = sigwaitinfo(&held, &information)
      if number == SIGCHLD {
        if let status = Self.end(of: program) { return status }
      } else if number > 0, information.si_code != Self.fromKernel {
        kill(program, number)
      }
    }
  }

  private static func end(of program: pid_t) -> Int32? {
    var status: Int32 = 0
    guard waitpid(program, &status, WNOHANG) == program else { return nil }
    let signal = status & 0x7f
    return signal == 0 ? (status >> 8) & 0xff : signalStatusBase + signal
  }

  private func start(_ command: [String], _ environment: [String: String]) throws -> pid_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var usual = usual
    posix_spawnattr_setsigmask(&attributes, &usual)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var program: pid_t = 0
    let code = Self.withCStrings(command) { arguments in
      Self.withCStrings(environment.map { "\($0.key)=\($0.value)" }) { variables in
        posix_spawnp(&program, command[0], nil, &attributes, arguments, variables)
      }
    }
    guard code == 0 else {
      throw ProgramNotStarted(
        description: "\(command[0]): \(String(cString: strerror(code)))",
        status: code == ENOENT ? Self.statusNotFound : Self.statusNotExecutable)
    }
    return program
  }

  /// Calls `body` with a null-terminated array of C strings that lives during the call.
  private static func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    var pointers = strings.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    pointers.append(nil)
    return pointers.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { preconditionFailure("it has a null at least") }
      return body(base)
    }
  }
}
