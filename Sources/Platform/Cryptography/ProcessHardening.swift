internal import CLinux
internal import Glibc

/// Settings that keep this process's memory from leaking through the kernel.
package enum ProcessHardening {
  /// Why a setting was refused; carries `errno`.
  package enum Failure: Error, Equatable {
    case coreLimit(errno: Int32)
    case dumpable(errno: Int32)
  }

  /// Switches core dumps off and, as a side effect, ptrace and /proc/PID/mem access by the same
  /// user. Irreversible for processes without privileges; call it before secrets are read.
  package static func disableCoreDumps() throws(Failure) {
    var limit = rlimit(rlim_cur: 0, rlim_max: 0)
    guard setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit) == 0 else {
      throw .coreLimit(errno: errno)
    }
    guard clinux_set_dumpable(0) == 0 else { throw .dumpable(errno: errno) }
  }
}
