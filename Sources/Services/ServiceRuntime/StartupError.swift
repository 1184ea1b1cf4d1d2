package import Files

/// Why a service did not come up although its settings were readable.
package enum StartupError: Error {
  case readyFile(FileError)
  case hardening(String)
  case usage(String)
}

extension StartupError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .readyFile(let error): "cannot write \(error)"
    case .hardening(let reason): "cannot switch core dumps off: \(reason)"
    case .usage(let argument): "unknown argument \(argument)"
    }
  }
}
