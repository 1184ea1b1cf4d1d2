internal import Glibc

/// Why a service did not come up although its settings were readable.
package enum StartupError: Error {
  case readyFile(String, errno: Int32)
  case hardening(String)
  case usage(String)
}

extension StartupError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .readyFile(let path, let code): "cannot write \(path): \(String(cString: strerror(code)))"
    case .hardening(let reason): "cannot switch core dumps off: \(reason)"
    case .usage(let argument): "unknown argument \(argument)"
    }
  }
}
